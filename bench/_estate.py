"""A generated estate of any size: an estate.yaml with more services than the shipped one, and rows of what was seen of it.

Used by the bench `estate` and by the test that counts the pages' queries; Django is set up by whoever calls `fill`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

SERVICES = 10
# What a person opens; the API's lists among them.
PAGES = (
    "/",
    "/services/",
    "/services/service-0/production/",
    "/estate/",
    "/estate/?group=Data",
    "/estate/?group=Network",
    "/estate/?group=Delivery",
    "/estate/?group=Terraform",
    "/estate/?kind=instance&q=7",
    "/estate/instance/i-00000000000000007/",
    "/estate/security-group/security-group-2/",
    "/estate/topology/",
    "/estate/topology.svg",
    "/handover/",
    "/handover/?all=1",
    "/handover/claims/137/",
    "/handover/document/",
    "/handover/document.md",
    "/monitoring/",
    "/health/",
    "/deadlines/",
    "/alarms/",
    "/access/",
    "/access/exposure/",
    "/runs/",
    "/people/",
    "/audit/",
    "/console/",
    "/api/v1/services",
    "/api/v1/hosts",
    "/api/v1/resources",
    "/api/v1/claims",
    "/api/v1/deadlines",
)


def document(shipped: Path, hosts: int) -> dict[str, Any]:
    """The shipped estate with ten more services of so many hosts each."""
    made: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    for number in range(SERVICES):
        service = copy.deepcopy(made["services"]["pim"])
        service["name"] = f"Service {number}"
        target = service["environments"]["production"]
        target["lock_group"], target["tiers"][0]["beanstalk"] = f"service-{number}", f"generated-{number}"
        target["tiers"][0]["hosts"] = hosts
        made["services"][f"service-{number}"] = service
    return made


def fill(*, hosts: int, resources: int) -> None:
    """`hosts` of each generated service, and so many resources besides. Every source has answered now."""
    from django.utils import timezone  # noqa: PLC0415 (after Django is set up)

    from estate import inventory  # noqa: PLC0415 (after Django is set up)
    from estate.models import BeanstalkEnvironment, Host, Resource, Watched  # noqa: PLC0415 (after Django is set up)
    from handover import judging  # noqa: PLC0415 (after Django is set up)

    now = timezone.now()
    said: dict[str, Any] = {"version": "r1", "status": "Ready", "health": "Green", "health_status": "Ok", "seen": now}
    BeanstalkEnvironment.objects.bulk_create(
        [BeanstalkEnvironment(name=f"generated-{number}", **said) for number in range(SERVICES)], ignore_conflicts=True
    )
    Host.objects.bulk_create([Host(**each) for each in _hosts(hosts, now)], batch_size=500)
    rows = [{"kind": "instance", "key": each["instance_id"], "name": each["name"], "facts": _machine(each)} for each in _hosts(hosts, now)]
    rows += list(_others(resources))
    for row in rows:
        row |= {"source": "generated", "first_seen": now, "changed": now}
    Resource.objects.bulk_create([Resource(**row) for row in rows], batch_size=500)
    answered = {"tried": now, "answered": now}
    Watched.objects.bulk_create(
        [Watched(name=inventory.watched_name(source), **answered) for source in inventory.sources()], ignore_conflicts=True
    )
    judging.judge_all()


def _hosts(many: int, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(SERVICES * many):
        service = number % SERVICES
        yield {
            "instance_id": f"i-{number:017x}",
            "name": f"service-{service}-{number}",
            "environment": "production",
            "service": f"service-{service}",
            "tier": "app",
            "beanstalk": f"generated-{service}",
            "private_ip": f"10.{number // 250 // 250}.{number // 250 % 250}.{number % 250 + 1}",
            "zone": f"eu-west-3{'abc'[number % 3]}",
            "state": "running",
            "health_status": "Ok",
            "version": "r1",
            "target_state": "healthy",
            "seen": now,
        }


def _machine(host: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": "running",
        "type": "c5.xlarge",
        "private_ip": host["private_ip"],
        "zone": host["zone"],
        "platform": "linux",
        "vpc": "vpc-1",
        "subnet": f"subnet-{host['zone'][-1]}",
        "beanstalk": host["beanstalk"],
        "groups": ["sg-1"],
        "managed_by": "",
    }


def _others(many: int) -> Iterator[dict[str, Any]]:
    yield {"kind": "vpc", "key": "vpc-1", "name": "generated", "facts": {"cidr": "10.0.0.0/16", "default": False}}
    for number, zone in enumerate("abc"):
        facts = {"vpc": "vpc-1", "cidr": f"10.0.{number}.0/24", "zone": f"eu-west-3{zone}", "free": 100}
        yield {"kind": "subnet", "key": f"subnet-{zone}", "name": zone, "facts": facts}
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("volume", {"gib": 100, "type": "gp3", "encrypted": True, "device": "/dev/sdf", "root": False}),
        ("volume-snapshot", {"volume": "vol-1", "state": "completed", "taken": "2026-11-24T01:00:00+00:00", "about": ""}),
        ("security-group", {"vpc": "vpc-1", "in": [{"ports": [443, 443], "from": "10.0.0.0/16", "about": "inside"}] * 5}),
        ("database", {"status": "available", "class": "db.r5.large", "multi_az": True, "retention_days": 7, "public": False, "groups": []}),
        ("bucket", {"public": "no", "blocked": True, "versioned": True, "objects": 1000, "keys": ["a", "b", "c"]}),
        ("record", {"zone": "client.url", "type": "A", "values": ["10.0.0.1"], "alias": ""}),
        ("certificate", {"region": "eu-west-3", "domain": "x", "names": ["x"], "type": "IMPORTED", "ends": "2027-05-24T01:00:00+00:00"}),
        ("terraform", {"type": "aws_instance", "id": "i-1"}),
    )
    for number in range(many):
        kind, facts = kinds[number % len(kinds)]
        yield {"kind": kind, "key": f"{kind}-{number}", "name": f"{kind}-{number}", "facts": facts}
