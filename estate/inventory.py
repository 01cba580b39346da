"""Everything that the estate has, joined from AWS, Terraform's state and Beanstalk's own resources, as rows that say when they were seen.

Lives here: which questions are asked how often, and how their answers are kept. A question that is refused keeps what it last said, with
its age and the reason; the others are asked all the same. Together they stay below 120 calls of AWS cold and 15 a minute afterwards.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from estate import observe, terraform
from estate.models import Resource, Watched
from estate.reading import current
from estate.sightings import News, Subject
from remote.aws import beanstalk, buckets, caches, databases, delivery, disks, links, names, network, routing, storage
from remote.aws.found import PATIENCE, Found
from remote.errors import Refused, RemoteError

EVERY = 20.0  # seconds between two looks at what is due
_LONGEST = 300  # letters of a key or a name
STATE_BUCKET = "terraform-remote-state"  # part of the name of the bucket that Terraform keeps its states in
_SLOW, _BRISK = 1200.0, 120.0
_STATES = 20  # of them are read


@dataclass(frozen=True, slots=True)
class Source:
    """One question. `kinds` are the resources that it answers for: those that it no longer lists are gone."""

    name: str
    kinds: tuple[str, ...]
    every: float
    read: Callable[[], list[Found]]
    is_brief: bool = False


def watch() -> None:
    """Asks what is due."""
    look(sources())


def look(asked: Sequence[Source], *, every: float | None = None) -> None:
    """Asks each that is older than its interval, or than `every`."""
    observe.look([subject(source, every=source.every if every is None else every) for source in asked])


def subject(source: Source, *, every: float) -> Subject:
    return Subject(watched_name(source), every, source.read, lambda found: keep(source, found), source.is_brief)


def watched_name(source: Source) -> str:
    return f"inventory:{source.name}"


_registered: list[Source] = []
_lock = threading.Lock()


def register(source: Source) -> None:
    """Told from above: another question whose answers belong into the inventory."""
    with _lock:
        if source.name not in {each.name for each in _registered}:
            _registered.append(source)


def sources() -> tuple[Source, ...]:
    return (*OF_AWS, *_registered)


def source(name: str) -> Source:
    """Raises KeyError."""
    return {each.name: each for each in sources()}[name]


def keep(source: Source, found: Iterable[Found]) -> News:
    """Writes the rows, in batches of five hundred. `wrong` names two things of one id and what could only half be read."""
    now = timezone.now()
    by_key: dict[tuple[str, str], Found] = {}
    wrong: list[str] = []
    for each in map(_storable, found):
        if (each.kind, each.id) in by_key:
            wrong.append(f"Two of kind {each.kind} are called {each.id}: the first is shown.")
        by_key.setdefault((each.kind, each.id), each)
        if said := each.facts.get("unknown"):
            wrong.append(f"{each.name}: {said}")
    known = {(row.kind, row.key): row for row in Resource.objects.filter(source=source.name)}
    renamed = _renamed(known, by_key)
    new = [_row(source, each, now) for key, each in by_key.items() if key not in known]
    altered = [row for key, row in known.items() if key in by_key and (_alter(row, by_key[key], now) or row in renamed)]
    left = [row for key, row in known.items() if key not in by_key and row.gone is None]
    for row in left:
        row.gone = now
    Resource.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
    Resource.objects.bulk_update([*altered, *left], ["key", "name", "facts", "changed", "gone"], batch_size=500)
    return News(bool(new or altered or left), "; ".join(dict.fromkeys(wrong)))


def _renamed(known: dict[tuple[str, str], Resource], by_key: Mapping[tuple[str, str], Found]) -> set[Resource]:
    """What is known by an earlier id goes on under its new one, and has been there since it was first seen."""
    renamed = set()
    for key, each in by_key.items():
        before = (each.kind, each.was)
        if each.was and key not in known and before in known and before not in by_key:
            row = known[key] = known.pop(before)
            row.key = each.id
            renamed.add(row)
    return renamed


def _storable(found: Found) -> Found:
    """As the database can keep it, whoever named it: no longer than its columns, without the letter that PostgreSQL has no place for."""
    name = _written(found.name)[:_LONGEST]
    return Found(found.kind, _key(found.id), name, _written(dict(found.facts)), was=_key(found.was))


def _key(id_: str) -> str:
    key: str = _written(id_)
    return key if len(key) <= _LONGEST else f"{key[: _LONGEST - 65]}…{hashlib.sha256(key.encode()).hexdigest()}"


def _written(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case dict():
            return {_written(key): _written(each) for key, each in value.items()}
        case list() | tuple():
            return [_written(each) for each in value]
    return value


def _row(source: Source, each: Found, now: datetime) -> Resource:
    return Resource(kind=each.kind, key=each.id, name=each.name, source=source.name, facts=dict(each.facts), first_seen=now, changed=now)


def _alter(row: Resource, each: Found, now: datetime) -> bool:
    if row.gone is None and row.name == each.name and row.facts == dict(each.facts):
        return False
    row.name, row.facts, row.changed, row.gone = each.name, dict(each.facts), now, None
    return True


def ask_again() -> None:
    """What failed, or was answered in part alone, is due at the next look: whoever calls has just mended something."""
    Watched.objects.filter(name__in=map(watched_name, sources())).exclude(error="").update(tried=None, not_before=None)


def errors() -> dict[str, str]:
    """By source: why it could not be read, or only half; those that were read well are not in it."""
    names_ = {watched_name(each): each.name for each in sources()}
    return {names_[row.name]: row.error for row in Watched.objects.filter(name__in=names_).exclude(error="")}


def asked() -> dict[str, Watched]:
    """By source, as it was last asked."""
    names_ = {watched_name(each): each.name for each in sources()}
    return {names_[row.name]: row for row in Watched.objects.filter(name__in=names_)}


def read_all(asked: Sequence[Source]) -> tuple[dict[str, list[Found]], dict[str, str]]:
    """Asked now and kept nowhere: the answers by source, and the errors by source."""
    found: dict[str, list[Found]] = {}
    failed: dict[str, str] = {}
    for each in asked:
        try:
            found[each.name] = each.read()
        except RemoteError as error:
            failed[each.name] = error.told
    return found, failed


# -- The questions


def _network() -> list[Found]:
    return [*network.vpcs(), *network.subnets(), *network.internet_gateways(), *network.nat_gateways(), *network.route_tables()]


def _certificates() -> list[Found]:
    return [*delivery.certificates(), *delivery.certificates(delivery.EDGE_REGION)]


def _settings() -> list[Found]:
    """How Beanstalk deploys, for each environment of the estate."""
    wanted = {
        "policy": ("aws:elasticbeanstalk:command", "DeploymentPolicy"),
        "batch_type": ("aws:elasticbeanstalk:command", "BatchSizeType"),
        "batch_size": ("aws:elasticbeanstalk:command", "BatchSize"),
        "timeout": ("aws:elasticbeanstalk:command", "Timeout"),
        "ignore_health": ("aws:elasticbeanstalk:command", "IgnoreHealthCheck"),
        "health": ("aws:elasticbeanstalk:healthreporting:system", "SystemType"),
    }
    found = []
    for application in sorted({target.application for target in current().targets}):
        for each in beanstalk.environments(application, patience=PATIENCE):
            options = beanstalk.option_settings(application, each.name, patience=PATIENCE)
            facts = {key: options.get(option, "") for key, option in wanted.items()}
            facts |= {"application": application, "version": each.version, "status": each.status, "platform": each.platform}
            found.append(Found("beanstalk", each.name, each.name, facts))
    return found


def _terraform() -> list[Found]:
    """Every state in the bucket for states. One that is bad is named; the others are read."""
    found: list[Found] = []
    for bucket in storage.bucket_names():
        if STATE_BUCKET not in bucket:
            continue
        for key in storage.keys(bucket, limit=_STATES):
            if not key.endswith(".tfstate"):
                continue
            where = f"s3://{bucket}/{key}"
            try:
                found += terraform.read(storage.get(bucket, key, limit=terraform.LARGEST), where=where)
            except (terraform.BadState, Refused) as error:
                found.append(Found("terraform-state", where, where, {"unknown": str(error).removeprefix(f"{where} ")}))
    return found


OF_AWS: tuple[Source, ...] = (
    Source("network", ("vpc", "subnet", "internet-gateway", "nat-gateway", "route-table"), _SLOW, _network),
    Source("Elastic IPs", ("elastic-ip",), _SLOW, network.addresses),
    Source("security groups", ("security-group",), 2 * _BRISK, network.security_groups, is_brief=True),
    Source("IPSec links", ("ipsec-link",), _BRISK, links.found, is_brief=True),
    Source("machines", ("instance",), _BRISK, network.machines, is_brief=True),
    Source("volumes", ("volume",), _SLOW, disks.volumes),
    Source("volume snapshots", ("volume-snapshot",), _SLOW, disks.snapshots),
    Source("images", ("image",), _SLOW, disks.images),
    Source("load balancers", ("load-balancer",), _SLOW, routing.balancers),
    Source("target groups", ("target-group",), _SLOW, routing.target_groups),
    Source("databases", ("database",), _BRISK, databases.databases, is_brief=True),
    Source("database snapshots", ("database-snapshot",), _SLOW, databases.snapshots),
    Source("caches", ("cache",), _BRISK, caches.caches, is_brief=True),
    Source("distributions", ("distribution",), _SLOW, delivery.distributions),
    Source("certificates", ("certificate",), _SLOW, _certificates),
    Source("names", ("zone", "record"), _SLOW, names.zones_and_records),
    Source("domains", ("domain",), 3 * _SLOW, names.domains),
    Source("buckets", ("bucket",), _SLOW, buckets.buckets),
    Source("Beanstalk", ("beanstalk",), _SLOW, _settings),
    Source("Terraform", ("terraform-state", "terraform"), _SLOW, _terraform),
)
