"""The plans of the migration-aware strategy: preparing (build once, ask), then path Z (roll) or path W (the window). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments import steps as written
from deployments.plans import Wanted
from deployments.strategies import steps
from deployments.strategies.commands import Folder
from deployments.strategies.curtain import Place
from deployments.strategies.draining import Enough
from estate.definition import Target, Tier, Workshop
from runs.plan import Act, Plan, Step


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a release is drawn from besides `Wanted`: the artifact's places, and the path that was decided."""

    bucket: str
    key: str
    statics_key: str
    build: str  # names the build's folders
    path: str  # roll | window
    drain: Mapping[str, Enough] = field(default_factory=dict)  # roll: by the tier's key, where others serve while a host drains


def preparation(target: Target, workshop: Workshop, source: Mapping[str, Any], build: str, version: str) -> tuple[Step, ...]:
    """B1 and B2. `source` is the bundle of both repositories: bucket, key, commits, sha256."""
    folder = Folder(f"{workshop.folder.rstrip('/')}/{build}")
    bucket, prefix = target.bundles.bucket, target.bundles.key
    key, statics_key = f"{prefix}built/{build}.zip", f"{prefix}built/{build}-statics.zip"
    kept = {
        "service": target.service,
        "environment": target.environment.key,
        "source_sha256": source["sha256"],
        "bucket": bucket,
        "key": key,
        "statics_key": statics_key,
        "statics_version": version,
    }
    return (
        Step("preflight", "Check everything once more", (Act("operation.gates", "gates", "console"),), "Reads only.", "console", 3),
        steps.source(target, dict(source)),
        steps.fetch(workshop, folder, bucket, source["key"]),
        *steps.build(target, workshop, folder, version),
        steps.pack(workshop, folder, bucket, key, statics_key),
        steps.ask(workshop, folder),
        steps.keep(workshop, folder, kept),
    )


def release(wanted: Wanted, prepared: Prepared, place: Place | None) -> Plan:
    """`place` is where the curtain is drawn; without one there is no window."""
    target = wanted.target
    drawn = _window(wanted, prepared, place) if place is not None else _roll(wanted, prepared)
    return Plan(
        kind="release",
        title=f"Release {target.name}, {wanted.release}",
        service=target.service,
        environment=target.environment.key,
        lock_group=target.lock_group,
        steps=tuple(drawn),
    )


def _begin(wanted: Wanted, prepared: Prepared) -> Iterator[Step]:
    target, shipment = wanted.target, wanted.shipment
    yield written.preflight()
    if wanted.code_branch:
        yield written.check_versions(target, shipment, wanted.code_branch)
    yield written.register(target, shipment)
    yield steps.publish(_one(wanted), prepared.bucket, prepared.statics_key, prepared.build)


def _roll(wanted: Wanted, prepared: Prepared) -> Iterator[Step]:
    """Z: the shop stays open. The back office first, and with it the proof that nothing has to be migrated."""
    target, shipment = wanted.target, wanted.shipment
    back, *front = target.tiers
    yield from _begin(wanted, prepared)
    if prepared.drain:
        yield steps.drain(target, prepared.drain)
    yield steps.roll(target, back, _of(wanted, back.key), shipment, drain=_drains(wanted, prepared, back))
    yield steps.confirm(_of(wanted, back.key)[0], after="deploy")
    for tier in front:
        yield steps.roll(target, tier, _of(wanted, tier.key), shipment, drain=_drains(wanted, prepared, tier))
    yield steps.flip(_one(wanted), prepared.build)
    yield steps.flush_once(_of(wanted, back.key)[0])
    yield written.verify(target, wanted.hosts, shipment)
    yield _judged(wanted, prepared)


def _window(wanted: Wanted, prepared: Prepared, place: Place) -> Iterator[Step]:
    """W: whatever can be done before the shop is closed is done before, and whatever can wait waits until it is open again."""
    target, shipment = wanted.target, wanted.shipment
    back, *front = target.tiers
    yield from _begin(wanted, prepared)
    yield steps.snapshot(target)
    yield steps.policy(target, steps.AT_ONCE)
    yield steps.stop_cron(wanted.hosts)
    yield steps.close(target, place)
    yield steps.roll(target, back, _of(wanted, back.key), shipment, at_once=True)
    yield steps.migrate(_of(wanted, back.key)[0])
    yield steps.confirm(_of(wanted, back.key)[0], after="migration")
    for tier in front:
        yield steps.roll(target, tier, _of(wanted, tier.key), shipment, at_once=True)
    yield steps.flip(_one(wanted), prepared.build)
    yield steps.flush_once(_of(wanted, back.key)[0])
    yield steps.smoke(target, wanted.hosts, place, shipment.label)
    yield steps.open_(target, place)
    yield steps.start_cron(wanted.hosts)
    yield steps.policy(target, steps.ROLLING)
    yield written.verify(target, wanted.hosts, shipment)
    yield _judged(wanted, prepared)


def _drains(wanted: Wanted, prepared: Prepared, tier: Tier) -> int:
    """By then: the longest of what stands and what this plan asks for."""
    asked = prepared.drain.get(tier.key)
    return max(wanted.drain.get(tier.key, written.DRAIN_SECONDS), asked.seconds if asked else 0)


def _judged(wanted: Wanted, prepared: Prepared) -> Step:
    back = _of(wanted, wanted.target.tiers[0].key)[0]
    return steps.judge(back, {"bucket": prepared.bucket, "key": prepared.key, "path": prepared.path})


def _of(wanted: Wanted, tier: str) -> list[Any]:
    return [host for host in wanted.hosts if host.tier == tier]


def _one(wanted: Wanted) -> Any:
    """The host on which is done what the share needs once."""
    return _of(wanted, wanted.target.tiers[-1].key)[0]
