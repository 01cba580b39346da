"""Services and hosts for machines: what the estate should be beside what was last seen, with the time of seeing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema

from estate.definition import Service, Target, Tier
from estate.models import BeanstalkEnvironment, Host, Resource, ShopAnswer, Watched
from estate.reading import current
from estate.validators import instance_id
from people.permissions import require

router = Router(tags=["estate"])
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str, Query(max_length=100)]


class TierOut(Schema):
    """`hosts_wanted` is the estate's word, `hosts` what is there; `seen` is the time of Beanstalk's word."""

    key: str
    name: str
    beanstalk: str
    hosts_wanted: int
    hosts: int
    version: str | None
    status: str | None
    health: str | None
    health_status: str | None
    seen: datetime | None


class ShopOut(Schema):
    url: str
    state: str | None
    seen: datetime | None


class TargetOut(Schema):
    environment: str
    lock_group: str
    tiers: list[TierOut]
    shop: ShopOut | None


class ServiceOut(Schema):
    key: str
    name: str
    about: str
    environments: list[TargetOut]


class HostOut(Schema):
    """A host that is not Beanstalk's has no service, no environment, no tier and no version."""

    instance_id: str
    name: str
    environment: str
    service: str
    tier: str
    beanstalk: str
    private_ip: str | None
    zone: str
    state: str
    version: str
    health_status: str
    causes: list[str]
    deployment_status: str
    target_state: str
    target_reason: str
    maintenance: str
    maintenance_seen: datetime | None
    seen: datetime
    gone: datetime | None


class ResourceOut(Schema):
    """`facts` are white-listed: no secret is among them. `changed` is when they were last different, `gone` since when it is not listed."""

    kind: str
    key: str
    name: str
    source: str
    facts: dict[str, Any]
    first_seen: datetime
    changed: datetime
    gone: datetime | None


class ResourcePage(Schema):
    items: list[ResourceOut]
    next: str | None


class ServicePage(Schema):
    items: list[ServiceOut]
    next: str | None


class HostPage(Schema):
    items: list[HostOut]
    next: str | None


@router.get("/services", response=ServicePage)
def list_services(request: HttpRequest, cursor: Cursor = "", limit: Limit = 50) -> dict[str, Any]:
    require(request.user, "view")
    services = [service for key, service in sorted(current().services.items()) if key > cursor]
    page = services[:limit]
    return {"items": _services(page), "next": page[-1].key if len(services) > limit else None}


@router.get("/services/{key}", response=ServiceOut)
def show_service(request: HttpRequest, key: str) -> dict[str, Any]:
    require(request.user, "view")
    service = current().services.get(key)
    if service is None:
        raise Http404(f"There is no service “{key[:40]}”. There is: {', '.join(current().services)}.")
    return _services([service])[0]


@router.get("/hosts", response=HostPage)
def list_hosts(
    request: HttpRequest,
    cursor: Cursor = "",
    limit: Limit = 50,
    service: str = "",
    environment: str = "",
    *,
    gone: bool = False,
) -> dict[str, Any]:
    """All hosts of the account by instance id. Those that EC2 no longer lists are left out unless `gone` is true."""
    require(request.user, "view")
    hosts = Host.objects.filter(pk__gt=cursor).order_by("pk")
    if not gone:
        hosts = hosts.filter(gone=None)
    if service:
        hosts = hosts.filter(service=service)
    if environment:
        hosts = hosts.filter(environment=environment)
    others = Resource.objects.filter(kind="instance", key__gt=cursor).exclude(key__in=Host.objects.values("pk")).order_by("key")
    if not gone:
        others = others.filter(gone=None)
    only_released = service or environment
    found = [*hosts[: limit + 1], *(() if only_released else _hosts_besides(others[: limit + 1]))]
    page = sorted({host.pk: host for host in reversed(found)}.values(), key=lambda host: host.pk)
    return {"items": page[:limit], "next": page[limit - 1].pk if len(page) > limit else None}


@router.get("/hosts/{host}", response=HostOut)
def show_host(request: HttpRequest, host: str) -> Host:
    require(request.user, "view")
    key = instance_id(host)
    known = Host.objects.filter(pk=key).first()
    if known is None:
        known = next(iter(_hosts_besides(Resource.objects.filter(kind="instance", key=key))), None)
    if known is None:
        raise Http404(f"There is no host {key}. GET /api/v1/hosts lists them.")
    return known


def _hosts_besides(found: Iterable[Resource]) -> list[Host]:
    """What the inventory has of hosts that are not Beanstalk's, in the same shape; never saved."""
    asked = Watched.objects.filter(name="inventory:machines").first()
    return [
        Host(
            instance_id=each.key,
            name=each.name,
            private_ip=each.facts.get("private_ip") or None,
            zone=each.facts.get("zone", ""),
            state=each.facts.get("state", ""),
            seen=(asked.answered if asked else None) or each.changed,
            gone=each.gone,
        )
        for each in found
    ]


@router.get("/resources", response=ResourcePage)
def list_resources(request: HttpRequest, cursor: Cursor = "", limit: Limit = 100, kind: str = "", *, gone: bool = False) -> dict[str, Any]:
    """In the order in which they were first seen. What is no longer listed is left out unless `gone` is true."""
    require(request.user, "view")
    found = Resource.objects.filter(pk__gt=int(cursor) if cursor.isdigit() and len(cursor) < 18 else 0).order_by("pk")
    if not gone:
        found = found.filter(gone=None)
    if kind:
        found = found.filter(kind=kind)
    page = list(found[: limit + 1])
    return {"items": page[:limit], "next": str(page[limit - 1].pk) if len(page) > limit else None}


def _services(services: Iterable[Service]) -> list[dict[str, Any]]:
    seen = BeanstalkEnvironment.objects.in_bulk()
    counts: dict[str, int] = {}
    for name in Host.objects.filter(gone=None, state="running").values_list("beanstalk", flat=True):
        counts[name] = counts.get(name, 0) + 1
    return [
        {
            "key": service.key,
            "name": service.name,
            "about": service.about,
            "environments": [
                {
                    "environment": target.environment.key,
                    "lock_group": target.lock_group,
                    "tiers": [_tier(tier, seen.get(tier.beanstalk), counts.get(tier.beanstalk, 0)) for tier in target.tiers],
                    "shop": _shop(target),
                }
                for target in service.targets.values()
            ],
        }
        for service in services
    ]


def _tier(tier: Tier, seen: BeanstalkEnvironment | None, hosts: int) -> dict[str, Any]:
    said = ("version", "status", "health", "health_status", "seen")
    return {
        "key": tier.key,
        "name": tier.name,
        "beanstalk": tier.beanstalk,
        "hosts_wanted": tier.hosts,
        "hosts": hosts,
        **{name: getattr(seen, name, None) for name in said},
    }


def _shop(target: Target) -> dict[str, Any] | None:
    if target.shop is None:
        return None
    last = ShopAnswer.objects.filter(service=target.service, environment=target.environment.key).order_by("-time").first()
    return {"url": target.shop.url, "state": last.state if last else None, "seen": last.time if last else None}
