from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from sandbox import control
from sandbox.world import Fault
from tests.sandbox.hosts_fixtures import SPEED, Ground, make_ground


@dataclass
class Page:
    ground: Ground
    client: httpx.Client

    def state(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get("/sim/state").raise_for_status().json()
        return answer

    def host(self, name: str) -> dict[str, Any]:
        return next(host for host in self.state()["hosts"] if host["name"] == name)

    def act(self, name: str, **options: str) -> httpx.Response:
        return self.client.post(f"/sim/actions/{name}", json=options)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    ground = make_ground(tmp_path_factory.mktemp("controlled"))
    address, stop = control.serve(ground.world)
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
        yield Page(ground, client)
    stop()


@pytest.fixture
def page(served: Page) -> Iterator[Page]:
    """The page of this module, with nothing going wrong."""
    yield served
    served.ground.world.faults.clear()
    served.ground.world.clock.speed = SPEED
    for host in served.ground.world.hosts.values():
        (host.app / "var/.maintenance.flag").unlink(missing_ok=True)


def test_the_page_needs_no_other_origin(page: Page) -> None:
    html = page.client.get("/")
    assert html.status_code == 200
    assert "Command fails on host 2" in html.text
    assert "http://" not in html.text
    assert "https://" not in html.text
    assert "default-src 'self'" in html.headers["Content-Security-Policy"]
    for asset, kind in (("/control.css", "text/css"), ("/control.js", "text/javascript")):
        assert page.client.get(asset).headers["Content-Type"] == kind
    assert page.client.get("/nosuch").status_code == 404


def test_the_state_is_the_truth_about_the_hosts(page: Page) -> None:
    state = page.state()
    assert len(state["hosts"]) == 10
    fe_1 = page.host("fe-1")
    assert (fe_1["label"], fe_1["maintenance"], fe_1["home"], fe_1["health_check"]) == (page.ground.repositories.label, False, 200, 200)
    assert all(fe_1["mounts"].values())
    page.ground.magento("maintenance:enable")
    assert (page.host("fe-1")["maintenance"], page.host("fe-1")["home"], page.host("fe-2")["home"]) == (True, 503, 200)
    assert state["repositories"]["magento"]["master"]["commit"] == page.ground.repositories.head("magento", "master")


def test_the_speed_changes_at_once(page: Page) -> None:
    assert page.client.post("/sim/speed", json={"speed": 50}).json() == {"speed": 50.0}
    assert page.ground.world.clock.speed == 50
    assert page.state()["speed"] == 50


@pytest.mark.parametrize("speed", [0, -1, 1e9, "fast", None, "nan", "inf"])
def test_a_speed_that_makes_no_sense_is_refused(page: Page, speed: object) -> None:
    before = page.ground.world.clock.speed
    answer = page.client.post("/sim/speed", json={"speed": speed})
    assert answer.status_code == 422
    assert "speed is" in answer.json()["error"]
    assert page.ground.world.clock.speed == before


def test_faults_are_added_listed_and_cleared(page: Page) -> None:
    asked = {"kind": "command-fails", "host": "fe-2", "times": 2, "options": {"command": "03_di_compile"}}
    assert page.client.post("/sim/faults", json=asked).status_code == 201
    page.client.post("/sim/faults", json={"kind": "throttle"})
    assert page.state()["faults"] == [asked, {"kind": "throttle", "host": "", "times": 1, "options": {}}]
    assert page.ground.world.faults.listed()[0] == Fault("command-fails", "fe-2", 2, {"command": "03_di_compile"})
    page.client.delete("/sim/faults", params={"kind": "command-fails"})
    assert [fault["kind"] for fault in page.state()["faults"]] == ["throttle"]
    page.client.delete("/sim/faults")
    assert page.state()["faults"] == []


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"kind": ""},
        {"kind": 7},
        {"kind": "x", "host": "nosuch"},
        {"kind": "x", "times": 0},
        {"kind": "x", "times": True},
        {"kind": "x", "options": []},
        {"kind": "access-denied", "service": "rds"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(page: Page, asked: dict[str, object]) -> None:
    assert page.client.post("/sim/faults", json=asked).status_code == 422
    assert page.ground.world.faults.listed() == []


def test_only_json_is_taken(page: Page) -> None:
    assert page.client.post("/sim/faults", data={"kind": "x"}).status_code == 422
    assert page.client.post("/sim/faults", content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
    assert page.client.post("/sim/faults", json=["kind"]).status_code == 422


def test_a_commit_is_pushed_and_vanishes(page: Page) -> None:
    before = page.state()["repositories"]["magento"]["master"]["commit"]
    assert page.act("push-commit").json()["done"].startswith("Pushed ")
    pushed = page.state()["repositories"]["magento"]["master"]
    assert pushed["commit"] != before
    assert pushed["subject"] == "Search: rank by stock"
    assert pushed["commit"][:7] in page.act("vanish-commit").json()["done"]
    assert page.state()["repositories"]["magento"]["master"]["commit"] != pushed["commit"]
    assert page.act("push-commit", branch="nosuch").status_code == 422
    assert page.act("push-commit", repository="nosuch").status_code == 422
    assert page.act("push-commit", repository="beanstalk-config", branch="prod").status_code == 200


def test_a_flag_is_left_behind(page: Page) -> None:
    assert page.act("flag-left-behind", host="fe-4").status_code == 200
    assert page.host("fe-4")["maintenance"] is True
    assert page.act("flag-left-behind", host="fe-9").status_code == 422


@pytest.mark.parametrize("kind", ["disk-full", "host-key-changed"])
def test_a_lasting_fault_is_added_once(page: Page, kind: str) -> None:
    page.act(kind, host="fe-1")
    page.act(kind, host="fe-1")
    assert page.state()["faults"] == [{"kind": kind, "host": "fe-1", "times": -1, "options": {}}]


def test_the_next_connection_is_dropped(page: Page) -> None:
    page.act("ssh-drop", host="fe-1", bytes="10")
    assert page.state()["faults"] == [{"kind": "ssh-drop", "host": "fe-1", "times": 1, "options": {"bytes": "10"}}]
    assert page.act("ssh-drop", bytes="many").status_code == 422


def test_someone_else_needs_aws(page: Page) -> None:
    """Without AWS's side there is nobody to ask."""
    assert page.act("someone-else").json()["error"] == "The sandbox is still starting."
    assert page.act("nosuch").status_code == 404
