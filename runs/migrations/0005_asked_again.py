from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0004_first_line_kept")]
    operations = [migrations.AddField("effect", "again_at", models.DateTimeField(null=True))]
