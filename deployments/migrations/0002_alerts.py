import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0001_initial"),
        ("runs", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("service", models.CharField(max_length=40)),
                ("environment", models.CharField(max_length=40)),
                ("kind", models.CharField(choices=[("flag", "Flag"), ("shop", "Shop")], max_length=10)),
                ("title", models.CharField(max_length=300)),
                ("said", models.TextField(blank=True)),
                ("hosts", models.JSONField(default=list)),
                ("since", models.DateTimeField()),
                ("seen", models.DateTimeField()),
                ("ended", models.DateTimeField(null=True)),
                ("run", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="alerts", to="runs.run")),
            ],
            options={
                "db_table": "alert",
                "ordering": ["since"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended", None)), fields=("service", "environment", "kind"), name="one_open_alert"
                    )
                ],
            },
        ),
    ]
