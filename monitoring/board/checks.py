"""The questions of the health board, as far as they are nobody else's. Each has a deadline: a dead mount or a silent host ends it.

Beanstalk, instances and target groups are read from what the estate's poller saw, with its time; shares are asked on the hosts; public
names are asked from outside, as a visitor would.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from django.urls import reverse

from estate.definition import Target
from estate.health import BAD, INFO, OK, UNKNOWN, WARN, CannotCheck, Finding
from estate.health import register as registered
from estate.models import BeanstalkEnvironment, Host, Resource
from estate.reading import current
from monitoring.alarms.models import Tunnel
from monitoring.asking import running
from remote.errors import RemoteError
from remote.http import fetch
from remote.ssh.connections import Result
from runs.doors import runner

_BEANSTALK = {"Ok": OK, "Info": INFO, "Pending": INFO, "Warning": WARN, "Degraded": BAD, "Severe": BAD}
_TARGET = {"healthy": OK, "initial": INFO, "draining": INFO, "unhealthy": BAD, "unused": BAD, "detached": BAD}
_MOUNT_SECONDS = 5.0  # `stat` of a mount whose server is gone never ends by itself: the runner ends it
_PAGE_SECONDS = 5.0
_SHEET = re.compile(r"/static(?P<path>/(?P<version>version[0-9A-Za-z._-]{1,40})/[^\"\s]+\.css)")  # in a page of Magento's


def register() -> None:
    registered("Beanstalk environments", "Beanstalk", environments, every=30)
    registered("Instances", "Instances and target groups", instances, every=30)
    registered("Shares on the hosts", "NFS shares", shares, every=60)
    registered("IPSec tunnels", "IPSec tunnels", tunnels, every=30)
    registered("Public names from outside", "Public names", public_names, every=60)
    registered("Statics by the CDN", "Public names", statics, every=60)


def environments() -> Iterable[Finding]:
    rows = BeanstalkEnvironment.objects.in_bulk()
    for target in current().targets:
        for tier in target.tiers:
            row, url = rows.get(tier.beanstalk), _service(target)
            if row is None:
                yield Finding(tier.beanstalk, tier.beanstalk, UNKNOWN, "Beanstalk has not shown it yet.", url)
                continue
            moving = "" if row.status == "Ready" else f"{row.status}. "
            said = f"{moving}{row.health_status or 'No health'}: {'; '.join(row.causes) or row.version}"
            yield Finding(tier.beanstalk, tier.beanstalk, _BEANSTALK.get(row.health_status, UNKNOWN), said, url, row.seen.isoformat())


def instances() -> Iterable[Finding]:
    """Two lights a host, never merged into one word; the worse of them is its state."""
    found = list(Host.objects.filter(gone=None).order_by("beanstalk", "name"))
    if not found:
        raise CannotCheck("EC2 has not listed any instance yet.")
    for host in found:
        lights = (_BEANSTALK.get(host.health_status, UNKNOWN), _TARGET.get(host.target_state, UNKNOWN))
        state = next(each for each in (BAD, UNKNOWN, WARN, INFO, OK) if each in lights)
        said = f"Beanstalk {host.health_status or 'unknown'} · target group {host.target_state or 'unknown'}"
        why = "; ".join([*host.causes, *([host.target_reason] if host.target_reason else [])])
        yield Finding(
            host.instance_id, f"{host.name} · {host.beanstalk}", state, f"{said}. {why}".strip(), _service_of(host), host.seen.isoformat()
        )


def shares() -> Iterable[Finding]:
    """Is it mounted, and does it answer? A mount that hangs is bad; a host that cannot be asked proves nothing."""
    places = [(target, hosts) for target in current().targets if target.shares and (hosts := running(target))]
    if not places:
        raise CannotCheck("No host that mounts a share has been seen yet.")
    for target, hosts in places:
        for path in target.shares:
            mounted = runner().probe_many(list(hosts), ["mountpoint", "-q", path], deadline=_MOUNT_SECONDS)
            answers = runner().probe_many(list(hosts), ["test", "-r", path], deadline=_MOUNT_SECONDS)
            for ip, host in hosts.items():
                state, said = _share(mounted[ip], answers[ip])
                yield Finding(f"{host.instance_id}:{path}", f"{path} on {host.name}", state, said, _service(target))


def _share(mounted: Result | RemoteError, answered: Result | RemoteError) -> tuple[str, str]:
    for each in (mounted, answered):
        if isinstance(each, RemoteError):
            return UNKNOWN, each.told
        if each.rc in (124, 137):
            return BAD, f"It does not answer within {_MOUNT_SECONDS:g} s: the file server is away, or the mount is dead."
    if not isinstance(mounted, RemoteError) and mounted.rc != 0:
        return BAD, "It is not mounted: the host writes to its own disk."
    if not isinstance(answered, RemoteError) and answered.rc != 0:
        return BAD, "It is mounted and cannot be read."
    return OK, "Mounted, and answers."


def tunnels() -> Iterable[Finding]:
    """Each of the two tunnels of a link by itself: the second that goes takes the link with it."""
    found = list(Tunnel.objects.all())
    if not found:
        raise CannotCheck("AWS has not told of any tunnel yet.")
    for each in found:
        said = f"{each.said or ('Up' if each.up else 'Down')}, {each.connection}."
        yield Finding(each.address, f"{each.link} · {each.address}", OK if each.up else BAD, said, "", each.seen.isoformat())


def public_names() -> Iterable[Finding]:
    """Each address that the estate names, asked once, without following redirects."""
    asked = {url: target for target in current().targets for url in _addresses(target)}
    if not asked:
        raise CannotCheck("estate.yaml names no shop and no address.")
    with ThreadPoolExecutor(min(8, len(asked))) as pool:
        verdicts = list(pool.map(_page, asked))
    for (url, target), (state, said) in zip(asked.items(), verdicts, strict=True):
        yield Finding(url, urlsplit(url).hostname or url, state, said, _service(target))


def _addresses(target: Target) -> list[str]:
    """The shop's, a file of each of its distributions, and where a service answers without being a shop."""
    return [
        *([target.shop.url] if target.shop else []),
        *(f"https://{each.name}{each.file}" for each in target.cdn),
        *([target.address] if target.address else []),
    ]


def _page(url: str) -> tuple[str, str]:
    try:
        answer = fetch(url, deadline=_PAGE_SECONDS)
    except RemoteError as error:
        return UNKNOWN, error.told
    said = f"{answer.status} in {answer.seconds:.2f} s"
    if answer.status == 503:
        return BAD, f"{said}: closed on purpose, or nothing serves it."
    return (BAD if answer.status >= 500 else WARN if answer.status >= 400 else OK), said


def statics() -> Iterable[Finding]:
    """The style sheet that a shop's page names now, asked of the distribution: after a release it must have the new ones."""
    asked = {name: (target, target.shop) for target in current().targets if target.shop for name in _serving_statics(target)}
    if not asked:
        raise CannotCheck("AWS has told of no distribution in estate.yaml whose origin's path ends with /static.")
    for name, (target, shop) in asked.items():
        yield Finding(f"statics:{name}", f"Statics by {name}", *_style_sheet(shop.url, name), _service(target))


def _serving_statics(target: Target) -> list[str]:
    rows = Resource.objects.filter(kind="distribution", name__in=[each.name for each in target.cdn], gone=None)
    return [row.name for row in rows if any(each["path"].endswith("/static") for each in row.facts["origins"])]


def _style_sheet(url: str, distribution: str) -> tuple[str, str]:
    try:
        page = fetch(url, deadline=_PAGE_SECONDS)
        named = _SHEET.search(page.text)
        if page.status != 200 or named is None:
            return UNKNOWN, f"{url} answers {page.status}, and names no style sheet."
        sheet = fetch(f"https://{distribution}{named['path']}", deadline=_PAGE_SECONDS)
    except RemoteError as error:
        return UNKNOWN, error.told
    if sheet.status == 200:
        return OK, f"It has {named['version']}, which the shop's page names."
    return BAD, f"The shop's page names {named['version']}, and it answers {sheet.status} for {named['path']}. Make the CDN forget /*."


def _service(target: Target) -> str:
    return reverse("deployments:service", args=(target.service, target.environment.key))


def _service_of(host: Host) -> str:
    return reverse("deployments:service", args=(host.service, host.environment))
