"""On PostgreSQL the audit trail cannot be emptied at one stroke, either: TRUNCATE asks no row, so a statement is refused."""

from django.db import migrations

from people.refusals import RefusalByDatabase

KEPT = """
CREATE FUNCTION audit_entry_is_not_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit trail is never emptied' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER audit_entry_is_not_emptied BEFORE TRUNCATE ON audit_entry
  FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_not_emptied();
"""
GONE = "DROP TRIGGER audit_entry_is_not_emptied ON audit_entry; DROP FUNCTION audit_entry_is_not_emptied();"


class Migration(migrations.Migration):

    dependencies = [
        ("people", "0006_answered"),
    ]

    operations = [RefusalByDatabase(KEPT, GONE)]
