from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0005_asked_again")]
    operations = [migrations.AddField("run", "abort_at", models.FloatField(default=0, db_default=0))]
