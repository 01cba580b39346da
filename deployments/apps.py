from __future__ import annotations

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "deployments"

    def ready(self) -> None:
        """Tells the floors below what only this one knows."""
        from deployments import adoption, after, bookings, by_hand_health, evidence, guard, guards, panels, rundeck, standing, stopping
        from deployments.effects.balancer import AddRule, RemoveRule
        from deployments.effects.beanstalk import UpdateEnvironment
        from deployments.effects.build import Ask, Judge, Keep, Measure, WorkEnded
        from deployments.effects.bundle import BuildBundle, CreateVersion, PutObject
        from deployments.effects.delivery import Invalidate
        from deployments.effects.following import Follow
        from deployments.effects.hosts import HostCommand, HostLook, Maintenance, Reopen
        from deployments.effects.looks import Gates, OperationGates, Quiet, Shelf, Verify
        from deployments.effects.repositories import Heads
        from deployments.effects.servers import FetchBundles, FetchLogs, RestartServers
        from deployments.effects.settings import Configure, TakeSnapshot
        from deployments.effects.smoke import Smoke
        from deployments.strategies import sweeper
        from runs import again, effects, periodic, retention
        from runs import stopping as stops
        from runs.panels import register

        kinds: dict[str, effects.Kind] = {
            "release.gates": Gates(),
            "operation.gates": OperationGates(),
            "beanstalk.restart": RestartServers(),
            "beanstalk.logs": FetchLogs(),
            "beanstalk.bundles": FetchBundles(),
            "release.verify": Verify(),
            "cdn.invalidate": Invalidate(),
            "rundeck.run": rundeck.RunJob(),
            "release.shelf": Shelf(),
            "money.quiet": Quiet(),
            "git.heads": Heads(),
            "bundle.build": BuildBundle(),
            "s3.put": PutObject(),
            "beanstalk.version": CreateVersion(),
            "beanstalk.update": UpdateEnvironment(),
            "beanstalk.follow": Follow(),
            "host.command": HostCommand(),
            "host.look": HostLook(),
            "magento.maintenance": Maintenance(),
            "magento.reopen": Reopen(),
            "magento.ask": Ask(),
            "magento.jobs": WorkEnded(),
            "build.measure": Measure(),
            "build.keep": Keep(),
            "decision.judge": Judge(),
            "balancer.rule": AddRule(),
            "balancer.open": RemoveRule(),
            "curtain.smoke": Smoke(),
            "beanstalk.settings": Configure(),
            "beanstalk.option": Configure(),
            "rds.snapshot": TakeSnapshot(),
        }
        for name, kind in kinds.items():
            effects.register(name, kind)
        guards.install()
        register("release", panels.of_release)
        register("operation", panels.of_operation)
        register(rundeck.KIND, rundeck.of_rundeck)
        register(adoption.KIND, adoption.of_adopted)
        stops.register("release", stopping.of_release)
        periodic.register("guard", guard.EVERY, guard.check)
        by_hand_health.register()
        retention.register("files copied from hosts", "KEEP_EVIDENCE_DAYS", ("evidence",), evidence.remove)
        periodic.register("release news", after.EVERY, after.tell)
        periodic.register("curtains", sweeper.EVERY, sweeper.check)
        periodic.register("bookings", bookings.EVERY, bookings.go)
        periodic.register("standing", standing.EVERY, standing.watch)
        again.register(
            "beanstalk.update",
            "Beanstalk deploys to the whole environment {target} again, never to one host; hosts that have the version pass quickly.",
        )
