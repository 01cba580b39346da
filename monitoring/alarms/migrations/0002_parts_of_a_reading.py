from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("alarms", "0001_initial"),
    ]

    operations = [
        migrations.AddField(model_name="reading", name=name, field=models.DateTimeField(null=True))
        for name in ("figures", "tunnels", "mutes", "subscriptions", "since")
    ]
