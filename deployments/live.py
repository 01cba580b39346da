"""What is live in a target: the label that its hosts have, and the commits that the label stands for."""

from __future__ import annotations

import re

from deployments import sources
from deployments.models import Release
from estate.definition import Target
from estate.models import Host
from remote.git.mirror import Mirror

LABEL = re.compile(r"^(?:[a-z][a-z0-9-]*-)?r(?P<number>\d{1,9})-(?P<commit>[0-9a-f]{7,40})$")


def live_label(target: Target) -> str:
    """What the front end runs now; with mixed versions, what most of its hosts run."""
    versions = list(
        Host.objects.filter(beanstalk=target.tiers[-1].beanstalk, gone=None).exclude(version="").values_list("version", flat=True)
    )
    return max(set(versions), key=versions.count) if versions else ""


def live_commit(target: Target, label: str, code: Mirror, head: str) -> str:
    known = Release.objects.filter(service=target.service, label=label).first()
    if known is not None:
        return known.magento_commit
    match = LABEL.match(label)
    return sources.complete(code, match["commit"], head) if match else ""


def live_configuration(target: Target, label: str) -> str:
    known = Release.objects.filter(service=target.service, label=label).first()
    return known.configuration_commit if known else ""
