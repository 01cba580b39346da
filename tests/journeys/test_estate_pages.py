"""The whole estate and the hand-over in a real browser: accessible in both lights, no wider than a phone, no complaint."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from bench._estate import fill
from estate import inventory
from estate.models import Resource, Watched
from handover import judging
from people.models import Operator
from tests.journeys.browser import PHONE, WIDE, Person, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.django_db(transaction=True)]
ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/a96f4e6e-5780-4021-a132-aa0f62d354dc"
PAGES = {
    "topology": "/estate/topology/",
    "hosts": "/estate/",
    "network": "/estate/?group=Network",
    "host": "/estate/instance/i-0c8d5f2a6b1e93704/",
    "certificate": f"/estate/certificate/{ARN}/",
    "handover": "/handover/",
    "claim": "/handover/claims/137/",
    "document": "/handover/document/",
}


@pytest.fixture
def filled() -> None:
    """Some of each kind, well and not well; a source that is refused; a host that is stopped."""
    fill(hosts=2, resources=24)
    now = timezone.now()
    machine = {"state": "running", "type": "m5.large", "private_ip": "10.0.101.30", "zone": "eu-west-3a", "platform": "linux",
               "vpc": "vpc-1", "subnet": "subnet-a", "beanstalk": "", "groups": ["sg-1"], "managed_by": "terraform"}  # fmt: skip
    certificate = {
        "region": "eu-west-3",
        "domain": "*.client.url",
        "names": ["*.client.url", "client.url"],
        "type": "IMPORTED",
        "ends": "2027-05-24T01:00:00+00:00",
        "used_by": ["arn:aws:elasticloadbalancing:eu-west-3:123456789012:loadbalancer/app/client-magento-alb/0be3d483b86a4707"],
    }
    tunnels = [{"address": "203.0.113.11", "status": "UP", "since": ""}, {"address": "203.0.113.12", "status": "DOWN", "since": ""}]
    database = {"class": "db.r5.4xlarge", "multi_az": True, "public": False, "retention_days": 1, "status": "available", "groups": []}
    rows = [
        ("instance", "i-0c8d5f2a6b1e93704", "nfs", machine),
        ("instance", "i-0e6a1b8d3c5f29470", "ansible", machine | {"state": "stopped", "private_ip": "10.0.101.55"}),
        ("volume", "vol-3d36c7c2dbeed3e0d", "nfs-data-f", {"gib": 500, "device": "/dev/sdf", "instance": "i-0c8d5f2a6b1e93704"}),
        ("certificate", ARN, "*.client.url in eu-west-3", certificate),
        ("ipsec-link", "vpn-565f7461a7ce85312", "DLM-Lan", {"state": "available", "tunnels": tunnels}),
        ("database", "client-magento-prod", "client-magento-prod", database),
    ]
    for kind, key, name, facts in rows:
        Resource.objects.create(kind=kind, key=key, name=name, source="x", facts=facts, first_seen=now, changed=now)
    refused = inventory.watched_name(inventory.source("security groups"))
    Watched.objects.filter(name=refused).update(error="ec2 describe-security-groups: You are not authorized (UnauthorizedOperation)")
    judging.judge_all()


@pytest.mark.parametrize("theme, size", [("light", WIDE), ("dark", PHONE)], ids=["light", "dark-phone"])
def test_they_can_be_read_by_everybody(
    browser: Browser, live_server: LiveServer, filled: None, releaser: Operator, theme: str, size: tuple[int, int]
) -> None:
    person = Person(browser, live_server.url, sockets=False, theme=theme, size=size).sign_in("releaser", "releaser-long-enough")
    wrong: dict[str, object] = {}
    for name, path in PAGES.items():
        assert person.go(path) == 200, path
        person.keeps(f"estate-{name}-{theme}")
        if found := violations(person.page):
            wrong[name] = found
        if (wide := person.page.evaluate("document.documentElement.scrollWidth")) > size[0]:
            wrong[f"{name} is wider than the screen"] = wide
    assert wrong == {}
    person.go(PAGES["document"])
    person.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    person.page.emulate_media(media="print")
    ink = person.page.evaluate("getComputedStyle(document.querySelector('.document li')).color")
    assert max(int(each) for each in ink[4:-1].split(",")) < 100, f"on paper it is {ink}"
    assert not person.page.locator(".no-print").first.is_visible()
    person.page.emulate_media(media="screen")
    person.go(PAGES["certificate"])
    assert person.page.get_by_label("Its private key").get_attribute("spellcheck") == "false"
    person.go(PAGES["host"])
    assert person.page.get_by_role("button", name="Reboot nfs").is_visible()
    person.leaves()
