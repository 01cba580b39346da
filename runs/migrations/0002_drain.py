from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

_PERSON = {"on_delete": django.db.models.deletion.PROTECT, "related_name": "+", "to": settings.AUTH_USER_MODEL}


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Drain",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
                ("reason", models.TextField()),
                ("everything", models.BooleanField(default=False)),
                ("is_on", models.BooleanField(default=True)),
                ("lifted", models.DateTimeField(null=True)),
                ("by", models.ForeignKey(**_PERSON)),
                ("lifted_by", models.ForeignKey(null=True, **_PERSON)),
            ],
            options={
                "db_table": "drain",
                "constraints": [
                    models.UniqueConstraint(condition=models.Q(("is_on", True)), fields=("is_on",), name="one_drain_at_a_time")
                ],
            },
        ),
    ]
