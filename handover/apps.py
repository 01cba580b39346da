from __future__ import annotations

from django.apps import AppConfig


class HandoverConfig(AppConfig):
    name = "handover"

    def ready(self) -> None:
        """Tells the floors below what only this one knows."""
        from estate import answers
        from handover import actions, checking, judging, looks, rows  # noqa: F401  (checking registers itself)
        from handover.effects import Invalidate, RebootHost, StartHost, TakeSnapshot
        from handover.renewal import CheckRenewed, ImportRenewed
        from handover.shares import Mount, Unmount
        from runs import effects, periodic, retention

        effects.register("aws.snapshot", TakeSnapshot())
        effects.register("aws.invalidate", Invalidate())
        effects.register("aws.start", StartHost())
        effects.register("aws.reboot", RebootHost())
        effects.register("certificate.check", CheckRenewed())
        effects.register("certificate.import", ImportRenewed())
        effects.register("host.unmount", Unmount())
        effects.register("host.mount", Mount())

        looks.register()
        answers.register_configuration_branch(actions.chosen_configuration_branch)
        periodic.register("claims", judging.EVERY, judging.judge_all)
        retention.register("changes of claims", "KEEP_OBSERVATION_DAYS", ("claim_change",), rows.remove_history)
