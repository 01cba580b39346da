from django.db import migrations, models
from django.db.models import F, Min


def as_before(apps, schema_editor):
    """What was read whole was read in each part."""
    earliest = apps.get_model("alarms", "Transition").objects.aggregate(at=Min("at"))["at"]
    apps.get_model("alarms", "Reading").objects.update(
        figures=F("answered"), tunnels=F("answered"), mutes=F("answered"), subscriptions=F("answered"), since=earliest
    )


class Migration(migrations.Migration):

    dependencies = [
        ("alarms", "0001_initial"),
    ]

    operations = [
        *(
            migrations.AddField(model_name="reading", name=name, field=models.DateTimeField(null=True))
            for name in ("figures", "tunnels", "mutes", "subscriptions", "since")
        ),
        migrations.RunPython(as_before, migrations.RunPython.noop),
    ]
