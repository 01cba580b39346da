from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class MonitoringConfig(AppConfig):
    name = "monitoring"

    def ready(self) -> None:
        """Says what is looked at, and how often; the scheduler does it."""
        from estate import deadlines, inventory, maintenance, observe
        from monitoring import activity, kept, prober
        from people.notifications import delivery
        from runs import periodic, retention

        observe.register_activity(activity.is_moving)
        periodic.register("shop", settings.PROBE_SECONDS, prober.probe)
        periodic.register("shop history", 3600, prober.thin)
        periodic.register("estate", min(settings.POLL_ACTIVE_SECONDS, 1.0), observe.watch)
        periodic.register("maintenance", 5, maintenance.watch)
        periodic.register("inventory", inventory.EVERY, inventory.watch)
        periodic.register("deadlines", 30, deadlines.refresh)
        periodic.register("notifications", delivery.EVERY, delivery.deliver)
        retention.register("events of Beanstalk", "KEEP_EVENT_DAYS", ("beanstalk_event",), kept.remove_events)
        retention.register("answers of shops", "KEEP_OBSERVATION_DAYS", ("shop_answer",), kept.remove_answers)
        retention.register("notifications", "KEEP_NOTIFICATION_DAYS", ("notification", "notification_delivery"), delivery.remove)
