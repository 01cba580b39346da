from django.db import migrations, models

from estate.concurrently import AddIndexInUse


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("room", "0001_initial"),
    ]

    operations = [AddIndexInUse("sighting", models.Index(fields=["at"], name="room_sighting_at"))]
