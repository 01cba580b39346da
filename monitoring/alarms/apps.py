from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class AlarmsConfig(AppConfig):
    name = "monitoring.alarms"
    label = "alarms"

    def ready(self) -> None:
        """Says what is read and how often, and which changes of the world are known here."""
        from estate import deadlines
        from monitoring.alarms import effects, history, mail, poller
        from runs import effects as kinds
        from runs import periodic, retention

        periodic.register("alarms", settings.ALARM_POLL_SECONDS, poller.poll)
        retention.register("transitions of alarms", "KEEP_ALARM_DAYS", ("alarm_transition",), history.remove)
        deadlines.register("alarm topic", mail.deadlines)
        kinds.register("cloudwatch.alarm", effects.PutAlarm())
        kinds.register("cloudwatch.mute", effects.PutMute())
        kinds.register("cloudwatch.unmute", effects.DeleteMute())
        kinds.register("sns.subscribe", effects.Subscribe())
