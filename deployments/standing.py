"""What each host stands on: its code, whether the database fits that code, which statics it serves. Asked of the hosts themselves.

The question about the schema is the running code's own (`setup:db:status`, `doctrine:schema:validate`): it reads only. What was answered is
kept, with its raw words and its age; what it means for going back is `deployments.rollback`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from deployments import commands
from deployments.doors import runner
from deployments.models import Standing
from estate import observe
from estate.definition import Target
from estate.models import Host
from estate.reading import current
from remote.errors import RemoteError
from remote.ssh.connections import Result
from runs.models import Run
from runs.redact import redact

EVERY = 5.0  # seconds
AGAIN = timedelta(minutes=1)
DEADLINE = 20.0  # Magento's command line takes seconds to start
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SAID = 1500  # characters that are kept
_NOT_IN_SYNC = 2  # the exit code by which both command lines say that the database does not fit


def watch() -> None:
    """After a release has ended without success its hosts are asked once, before anybody can ask or terminate them."""
    for target in current().targets:
        mine = Run.objects.filter(kind="release", service=target.service, environment=target.environment.key)
        last = mine.order_by("-number").first()
        if last is None or last.ended is None or last.state == Run.State.SUCCEEDED:
            continue
        now = timezone.now()
        # Where its worker's clock is ahead, the end lies in the future: nothing seen is younger, and they would be asked at every turn.
        after = last.ended if last.ended <= now else now - AGAIN
        if now - last.ended < timedelta(hours=1) and not _of(target).filter(seen__gte=after).exists():
            look(target)


def look(target: Target) -> list[Standing]:
    """Asks every host now. At most about `DEADLINE` long; a host that does not answer is `unknown`, with the reason."""
    observe.refresh(target, max_age=5)
    hosts = list(Host.objects.filter(service=target.service, environment=target.environment.key, gone=None, state="running"))
    ips = [str(host.private_ip) for host in hosts]
    schemas = runner().probe_many(ips, commands.schema_status(target.plan).argv, deadline=DEADLINE) if ips else {}
    statics = runner().probe_many(ips, commands.statics_version().argv, deadline=DEADLINE) if ips and target.statics else {}
    now = timezone.now()
    for host in hosts:
        _keep(target, host, schemas[str(host.private_ip)], statics.get(str(host.private_ip)), now)
    return known(target)


def known(target: Target) -> list[Standing]:
    """As last said, in the order of the tiers."""
    living = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None).values("pk")
    return list(_of(target).filter(pk__in=living))


def newest(standings: Sequence[Standing]) -> datetime | None:
    return max((each.seen for each in standings), default=None)


def _of(target: Target) -> QuerySet[Standing]:
    return Standing.objects.filter(service=target.service, environment=target.environment.key)


def _keep(target: Target, host: Host, schema: Result | RemoteError, statics: Result | RemoteError | None, now: datetime) -> None:
    told = {
        "service": target.service,
        "environment": target.environment.key,
        "host": host.name,
        "version": host.version,
        "schema": _state(schema),
        "schema_said": "" if isinstance(schema, RemoteError) else _words(schema),
        "statics": "" if statics is None or isinstance(statics, RemoteError) or statics.rc else statics.text.strip()[:40],
        "problem": f"{schema}" if isinstance(schema, RemoteError) else "",
        "seen": now,
    }
    Standing.objects.update_or_create(instance_id=host.pk, defaults=told)


def _state(found: Result | RemoteError) -> Standing.Schema:
    """Told by the exit code alone: its words are for people."""
    if isinstance(found, RemoteError):
        return Standing.Schema.UNKNOWN
    return {0: Standing.Schema.FITS, _NOT_IN_SYNC: Standing.Schema.DIFFERS}.get(found.rc, Standing.Schema.UNKNOWN)


def _words(found: Result) -> str:
    said = _ANSI.sub("", (found.out or found.err).decode("utf-8", "replace")).strip()
    return redact(f"{said[:_SAID]}\n(exit code {found.rc})")
