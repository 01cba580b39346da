"""Preparing a release: the plan that builds it once and asks, and the artifact that is found again when the release itself is planned."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments.bundle import Bundle
from deployments.models import Artifact
from deployments.steps import PlannedHost
from deployments.strategies import plans
from estate.definition import Target
from runs.models import Effect, Run, Step
from runs.plan import Plan as PlanValue

OPERATION = "prepare"
GOOD_FOR = timedelta(hours=24)  # an answer about a database in which people work


@dataclass(frozen=True, slots=True)
class Sources:
    """What is built: both commits, and the branches that they were on."""

    magento_commit: str
    configuration_commit: str
    code_branch: str
    configuration_branch: str


def artifact_of(target: Target, source_sha256: str, *, relaunch_of: Run | None = None) -> Artifact | None:
    """Of these sources, with answers that still hold; those of the failed run where one is relaunched, whatever it changed since.

    But not where that run has refuted them: then it is built and asked anew.
    """
    mine = Artifact.objects.filter(service=target.service, environment=target.environment.key, source_sha256=source_sha256)
    if relaunch_of is not None:
        key = (relaunch_of.plan.document["facts"].get("decision") or {}).get("key", "")
        same = None if refutation(relaunch_of) else mine.filter(key=key).first()
        return same or _fresh(mine.exclude(key=key).first(), target)
    return _fresh(mine.first(), target)


def refutation(run: Run) -> str:
    """What the new code said on its host where that refuted the decision to roll; "" where it did not.

    The step fails too where it was given up, stopped or never begun. Only an answer of that code, which was let come to its end, refutes.
    """
    if (run.plan.document["facts"].get("decision") or {}).get("path") != "roll":
        return ""
    asked = Effect.objects.filter(run=run, step__key="confirm", step__state=Step.State.FAILED, state=Effect.State.FAILED)
    answer = asked.filter(answer__has_key="rc").exclude(answer__has_key="cancel").order_by("pk").first()
    return str(answer.said) if answer is not None else ""


def _fresh(found: Artifact | None, target: Target) -> Artifact | None:
    return found if found is not None and not why_stale(found, target) else None


def why_stale(artifact: Artifact, target: Target, *, own_run: int = 0, relaunch_of: int = 0) -> str:
    """Why its answers are no longer good; "" where they are."""
    if timezone.now() - artifact.asked > GOOD_FOR:
        return f"The database was asked on {artifact.asked:%d %b %H:%M} UTC, more than a day ago."
    released = Run.objects.filter(lock_group=target.lock_group, kind="release", started__gt=artifact.asked).exclude(
        number__in=(own_run, relaunch_of)
    )
    since = released.order_by("number").first()
    return f"Run {since.number} has released since the database was asked." if since is not None else ""


def as_built(built: Bundle, artifact: Artifact, target: Target) -> Bundle:
    """The bundle of the sources, with the place and the bytes of what was built of it."""
    manifest = artifact.manifest
    key = artifact.key.removeprefix(target.bundles.key)
    return replace(built, key=key, sha256=manifest["sha256"], size=manifest["bytes"], files=manifest["files"])


def statics_version(source_sha256: str) -> str:
    """Ten digits, as Magento's own; the same sources have the same."""
    return str(1_000_000_000 + int(source_sha256[:12], 16) % 9_000_000_000)


def plan_preparation(
    target: Target,
    hosts: Sequence[PlannedHost],
    built: Bundle,
    sources: Sources,
    facts: Mapping[str, Any],
    *,
    relaunch_of: int | None = None,
) -> PlanValue:
    """A plan of its own: it disturbs nobody, so it takes a lock of its own. `relaunch_of`: the failed run that the release takes over."""
    workshop = target.build
    if workshop is None:
        raise ValueError("estate.yaml names no build host")  # not offered there
    source = {
        "service": target.service,
        "environment": target.environment.key,
        "magento_commit": sources.magento_commit,
        "configuration_commit": sources.configuration_commit,
        "configuration_branch": sources.configuration_branch,
        "sha256": built.sha256,
        "bucket": target.bundles.bucket,
        "key": target.bundles.key + built.key,
    }
    build = f"{sources.magento_commit[:7]}-{sources.configuration_commit[:7]}-{uuid.uuid4().hex[:8]}"
    steps = plans.preparation(target, workshop, source, build, statics_version(built.sha256))
    seconds = sum(step.seconds for step in steps)
    told = {
        "operation": OPERATION,
        "option": False,
        "hosts": [asdict(host) for host in hosts],
        "warnings": [],
        "estimate": {
            "seconds": round(seconds),
            "low": round(seconds * 0.6),
            "high": round(seconds * 2),
            "runs": 0,
            "source": "the sheet of usual times",
        },
        "code_branch": sources.code_branch,
        "configuration_branch": sources.configuration_branch,
        "will_relaunch": relaunch_of,
    }
    title = f"Prepare a release of {target.name}"
    return PlanValue("operation", title, target.service, target.environment.key, f"{target.lock_group}-build", steps, {**told, **facts})
