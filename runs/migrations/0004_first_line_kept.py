from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0003_found_by_state_and_service")]
    operations = [migrations.AddField("loghead", "first", models.BigIntegerField(default=1, db_default=1))]
