"""Is something under way on a target, so that it must be looked at closely? A run of ours, or a deployment of somebody else's."""

from __future__ import annotations

from estate.definition import Target
from estate.models import BeanstalkEnvironment
from runs.models import Run

_MOVING = (Run.State.QUEUED, Run.State.RUNNING, Run.State.UNKNOWN)


def is_moving(target: Target) -> bool:
    if Run.objects.filter(service=target.service, environment=target.environment.key, state__in=_MOVING).exists():
        return True
    return BeanstalkEnvironment.objects.filter(name__in=[tier.beanstalk for tier in target.tiers]).exclude(status="Ready").exists()
