"""Access through a real browser: a VPN user from the wish to the proof, a rebuilt image, and an address that is let in for a while."""

from __future__ import annotations

import json
import re
import sqlite3
import urllib.request
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis
from botocore.config import Config

from bench import access as bench
from tests.journeys.browser import PHONE, Demo, Person, violations, wait_until
from tests.journeys.conftest import Arrives

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

LONG = 120.0  # seconds: a guard against hangs


def state(demo: Demo) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{demo.sandbox}/sim/state", timeout=20) as answer:
        found: dict[str, Any] = json.loads(answer.read())["vpn"]
    return found


def connected(demo: Demo) -> set[str]:
    return {each["name"] for each in state(demo)["sessions"]}


def reads_after_reload(person: Person, path: str, words: str) -> None:
    def holds() -> bool:
        person.go(path)
        return words in person.page.inner_text("main")

    wait_until(holds, seconds=LONG, what=f"“{words}” on {path}")


def creates(person: Person, name: str) -> None:
    def pressed() -> bool:
        """Again, where another change had the lock at that moment."""
        person.go("/access/")
        person.page.fill("#name", name)
        person.page.fill("#person", "Warehouse desk")
        person.page.fill("#reason", "stock count")
        if person.page.locator("button:has-text('Create user')").is_disabled():
            return False
        with person.page.expect_navigation():
            person.page.click("button:has-text('Create user')")
        return person.page.url.endswith(f"/access/vpn/{name}/")

    wait_until(pressed, seconds=LONG, what="the user's page")
    reads_after_reload(person, f"/access/vpn/{name}/", f"Download {name}.ovpn")


def test_create_download_once_seen_connected_revoke_with_proof(arrives: Arrives, demo: Demo) -> None:
    person, name = arrives("operator"), f"j{uuid.uuid4().hex[:8]}"
    creates(person, name)
    person.keeps("access-1-made")
    with person.page.expect_download() as waiting:
        person.page.click(f"text=Download {name}.ovpn")
    profile = waiting.value.path().read_text()
    assert "<key>" in profile
    assert "<tls-crypt>" in profile
    reads_after_reload(person, f"/access/vpn/{name}/", "A second download is refused")
    second = person.context.request.post(
        f"{demo.url}/access/vpn/{name}/download/",
        headers={"X-CSRFToken": person.page.get_attribute("body", "data-csrf") or "", "Referer": demo.url},
    )
    assert second.status == 410
    demo.act("vpn-connect", name=name)
    reads_after_reload(person, f"/access/vpn/{name}/", "10.8.0.")
    person.keeps("access-2-connected")
    assert violations(person.page) == []

    others = connected(demo) - {name}
    person.page.fill("#reason", "left the company")
    with person.page.expect_navigation():
        person.page.click("button.danger:has-text('Revoke')")
    reads_after_reload(person, f"/access/vpn/{name}/", f"Revoked: {name}")
    person.keeps("access-3-proof")
    for words in ("The index marks it revoked", "The CRL contains the serial", "The service reads the CRL", f"No session of {name}"):
        person.reads(words)
    assert name not in connected(demo)
    assert others <= connected(demo)
    demo.act("vpn-leave", name=name)


def test_a_link_is_taken_once_by_somebody_without_an_account(arrives: Arrives, demo: Demo) -> None:
    person, name = arrives("operator"), f"j{uuid.uuid4().hex[:8]}"
    creates(person, name)
    with person.page.expect_navigation():
        person.page.click("button:has-text('Make a one-time link')")
    found = re.search(r"http\S+/access/get/[\w-]+/", person.page.inner_text("main"))
    assert found is not None
    stranger = arrives(size=PHONE)
    stranger.page.goto(found[0])
    stranger.keeps("access-2-link-phone")
    assert violations(stranger.page) == []
    with stranger.page.expect_download() as waiting:
        stranger.page.click(f"text=Download {name}.ovpn")
    assert "<key>" in waiting.value.path().read_text()
    stranger.page.goto(found[0])
    stranger.reads("This link is over")
    stranger.complaints.clear()  # the browser itself complains about the 410
    reads_after_reload(person, f"/access/vpn/{name}/", "A second download is refused")


def test_a_rebuilt_image_is_noticed_and_re_applied(arrives: Arrives, demo: Demo) -> None:
    person = arrives("operator", theme="dark")
    reads_after_reload(person, "/access/", "laptop.old")
    demo.act("vpn-connect", name="laptop.old")
    assert "laptop.old" not in connected(demo)
    demo.act("vpn-rebuild")
    demo.act("vpn-connect", name="laptop.old")
    wait_until(lambda: "laptop.old" in connected(demo), seconds=LONG, what="whoever was revoked is back in")
    reads_after_reload(person, "/access/", "The image was rebuilt")
    person.reads("can connect again")
    person.keeps("access-4-rebuilt-dark")
    assert violations(person.page) == []
    wait_until(lambda: _pressed(person), seconds=LONG, what="the run that re-applies it")
    wait_until(lambda: person.page.locator("[data-over]").count() > 0, seconds=LONG, what="the end of the run")
    assert "succeeded" in (person.page.get_attribute("[data-told]", "data-told") or "")
    wait_until(lambda: "laptop.old" not in connected(demo), seconds=LONG, what="out again")
    person.go("/access/")
    assert "The image was rebuilt" not in person.page.inner_text("main")
    demo.act("vpn-leave", name="laptop.old")


def _pressed(person: Person) -> bool:
    person.go("/access/")
    button = person.page.locator("text=Re-apply the register")
    if button.count() == 0 or button.is_disabled():
        return False
    with person.page.expect_navigation():
        button.click()
    return bool(re.search(r"/runs/\d+/", person.page.url))


def test_two_hours_for_oneself_appear_and_are_gone(arrives: Arrives, demo: Demo) -> None:
    person = arrives("operator")
    lets_in(person, "203.0.113.171")
    assert ports_in_aws(demo, "203.0.113.171/32") == [(3389, 3389)]
    person.keeps("access-5-allowed")
    assert violations(person.page) == []
    with person.page.expect_navigation():
        person.page.click("button:has-text('Close 203.0.113.171')")
    wait_until(lambda: _row(person, "203.0.113.171") == "", seconds=LONG, what="the entry's end")
    assert ports_in_aws(demo, "203.0.113.171/32") == []

    lets_in(person, "203.0.113.172")
    assert ports_in_aws(demo, "203.0.113.172/32") == [(3389, 3389)]
    two_hours_pass(demo, "203.0.113.172/32")
    wait_until(lambda: _row(person, "203.0.113.172") == "", seconds=LONG, what="the end of two hours, without a press")
    assert ports_in_aws(demo, "203.0.113.172/32") == []
    person.reads("Closed")
    phone = arrives("viewer", size=PHONE)
    for path in ("/access/", "/access/allow-list/", "/access/exposure/"):
        phone.go(path)
        assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert violations(phone.page) == [], path
        phone.keeps(f"access-phone-{path.strip('/').replace('/', '-')}")


def lets_in(person: Person, address: str) -> None:
    def pressed() -> bool:
        """Again, where the last change of the gateway had the lock still."""
        person.go("/access/allow-list/")
        person.page.fill("#address", address)
        person.page.check("#own-rdp")
        with person.page.expect_navigation():
            person.page.click("button:has-text('Let me in for two hours')")
        return person.page.locator("#refused").count() == 0

    wait_until(pressed, seconds=LONG, what="the run that lets them in")
    wait_until(lambda: "allowed" in _row(person, address), seconds=LONG, what="the entry, read back from AWS")


def _row(person: Person, address: str) -> str:
    person.go("/access/allow-list/")
    row = person.page.locator("section:has(#entries-h) tr", has_text=address)
    return row.inner_text() if row.count() else ""


def ports_in_aws(demo: Demo, cidr: str) -> list[tuple[int, int]]:
    """Asked of AWS itself, not of the console."""
    endpoint = json.loads((demo.data / "sandbox/ready.json").read_text())["aws_endpoint"]
    ec2: Any = boto3.client(
        "ec2", endpoint_url=endpoint, region_name="eu-west-3", aws_access_key_id="x", aws_secret_access_key="x", config=Config(proxies={})
    )
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["client-gateway"]}])["SecurityGroups"]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [groups[0]["GroupId"]]}])["SecurityGroupRules"]
    return [(rule["FromPort"], rule["ToPort"]) for rule in rules if rule.get("CidrIpv4") == cidr]


def two_hours_pass(demo: Demo, cidr: str) -> None:
    with sqlite3.connect(demo.data / "console.sqlite3", timeout=20) as database:
        changed = database.execute("update allowed_address set until = datetime(until, '-2 hours') where cidr = ?", (cidr,))
        assert changed.rowcount == 1
    database.close()


def test_ten_operators_press_at_once_and_no_key_is_kept(demo: Demo) -> None:
    """A little of what `./console bench access` does with two hundred users."""
    names = [f"j{number}.{uuid.uuid4().hex[:8]}" for number in range(3)]
    desks = bench.sign_in(demo.url, demo.data, 10)
    said = bench.press_together(desks, names)
    assert (said["made"], said["exists already"]) == (3, 27), said
    assert said["somebody else's run is at it"] > 0
    assert bench.prove(demo.data, names) == bench.Proven(3, 3, (), ())

    profiles = [bench.deliver(desks[0], name, by_link=number == 1) for number, name in enumerate(names)]
    found = bench.kept(demo.data, profiles)
    assert found.places == []
    assert {"web.log", "worker-1.log", "worker-2.log", "scheduler.log", "broker.log", "valkey.log"} <= set(found.logs)
    assert found.cells > 1000
    assert found.redis_keys > 0
    line = bench.key_lines(profiles[0])[1]
    with planted(demo.data, line):
        assert len(bench.kept(demo.data, profiles).places) >= 3, "what is kept is found"

    assert bench.put_out(desks[1], demo.data, names[2]) < LONG  # a guard; the bench says how long it takes


@contextmanager
def planted(data: Path, line: str) -> Iterator[None]:
    """A line of a key in a log, in the database, and packed in Redis."""
    log = data / "logs/planted.log"
    log.write_text(f"GET /access/ {line.encode().hex()}\n")
    with sqlite3.connect(data / "console.sqlite3", timeout=20) as database:
        database.execute("create table planted (text)")
        database.execute("insert into planted values (?)", (f"a{line}b",))
    with redis.Redis(unix_socket_path=str(data / "sockets/valkey")) as wire:
        wire.hset("planted", "data", zlib.compress(line.encode()))
        yield
        wire.delete("planted")
    with sqlite3.connect(data / "console.sqlite3", timeout=20) as database:
        database.execute("drop table planted")
    database.close()
    log.unlink()
