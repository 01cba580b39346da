from __future__ import annotations

from django.db import migrations, models

from estate.concurrently import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("estate", "0007_inventory")]
    operations = [AddIndexInUse("beanstalkevent", models.Index(fields=["-time", "-id"], name="newest_event"))]
