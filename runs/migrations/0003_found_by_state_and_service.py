from __future__ import annotations

from django.db import migrations, models

from estate.concurrently import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("runs", "0002_drain")]
    operations = [
        AddIndexInUse("run", models.Index(fields=["state", "-number"], name="run_by_state")),
        AddIndexInUse("run", models.Index(fields=["service", "environment", "-number"], name="run_by_service")),
    ]
