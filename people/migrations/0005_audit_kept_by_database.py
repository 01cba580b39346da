"""On PostgreSQL the database itself refuses to change or delete a row of the audit trail; only persons may be taken out of one."""

from django.db import migrations

from people.refusals import RefusalByDatabase

KEPT = """
CREATE FUNCTION audit_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE'
    AND (NEW.number, NEW.time, NEW.action, NEW.result, NEW.run, NEW.seal, NEW.digest)
      IS NOT DISTINCT FROM (OLD.number, OLD.time, OLD.action, OLD.result, OLD.run, OLD.seal, OLD.digest)
    AND (NEW.who, NEW.origin, NEW.target, NEW.why, NEW.salt, NEW.facts) = ('', '', '', '', '', '{}'::jsonb)
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a row of the audit trail is never changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER audit_entry_is_kept BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_entry_is_kept();
"""
GONE = "DROP TRIGGER audit_entry_is_kept ON audit_entry; DROP FUNCTION audit_entry_is_kept();"


class Migration(migrations.Migration):

    dependencies = [
        ("people", "0004_token_scopes"),
    ]

    operations = [RefusalByDatabase(KEPT, GONE)]
