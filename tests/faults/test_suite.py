"""What the suite says of itself: results, samples, schedules, and a proxy that does as it is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from faults import journal, p18_schedules, releases, schedules, suite, ways
from faults.oracle import World
from faults.points import NotRun, Promise, Verdict
from faults.proxy import Proxy, in_front
from faults.schedules import Schedule, _Armed
from faults.suite import Result, Rigs, Wanted
from opsconsole import promises


def promise(*verdicts: Verdict | NotRun) -> Promise:
    def run(rig: object, point: str) -> Verdict:
        found = verdicts[int(point)]
        if isinstance(found, NotRun):
            raise found
        return found

    return Promise("P99", "A promise", lambda rig: iter([str(number) for number in range(len(verdicts))]), run)


@pytest.fixture
def no_rig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rigs, "get", lambda self, database="sqlite": SimpleNamespace())


def play(monkeypatch: pytest.MonkeyPatch, *verdicts: Verdict | NotRun, sample: float = 1.0) -> Result:
    monkeypatch.setitem(suite.PROMISES, "P99", promise(*verdicts))
    return next(iter(suite.run(Wanted(("P99",), sample))))


@pytest.mark.usefixtures("no_rig")
def test_a_violation_is_counted_and_can_be_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    result = play(monkeypatch, Verdict(recovery=2.0), Verdict(["twice"], 3.0), Verdict(["lost"]))
    assert (result.runs, result.violations, result.not_run, result.worst_recovery_seconds) == (3, 2, 0, 3.0)
    assert result.replay == "./console faults --replay P99:1 --seed 1 --lease 2"


@pytest.mark.usefixtures("no_rig")
def test_points_that_were_played_together_are_counted_each(monkeypatch: pytest.MonkeyPatch) -> None:
    result = play(monkeypatch, Verdict(recovery=2.0, points=5), Verdict())
    assert (result.runs, result.violations) == (6, 0)


@pytest.mark.usefixtures("no_rig")
def test_who_ended_without_knowing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    result = play(monkeypatch, Verdict(unknown=4, points=5), Verdict(), Verdict(unknown=1))
    assert (result.runs, result.violations, result.unknown, result.to_json()["unknown"]) == (7, 0, 5, 5)
    assert "    5 unknown " in suite._row(result)


@pytest.mark.parametrize(("state", "must_succeed", "violations"), [("unknown", True, 1), ("unknown", False, 0), ("succeeded", True, 0)])
def test_where_it_has_to_succeed_not_to_know_is_not_enough(
    monkeypatch: pytest.MonkeyPatch, state: str, must_succeed: bool, violations: int
) -> None:
    ended = {"state": state, "said": "so"}
    release: Any = SimpleNamespace(end=lambda: ended, judged=lambda run: [], number=1)
    verdict = releases.verdict(release, must_succeed=must_succeed)
    for name in ("reference", "acts", "start"):
        monkeypatch.setattr(releases, name, lambda *_: release)
    monkeypatch.setattr(ways, "plan", lambda *_: {})
    for name in ("_hire", "_recovery", "_leave"):
        monkeypatch.setattr(Schedule, name, lambda *_: None)
    monkeypatch.setattr(Schedule, "_follow", lambda *_: ended)
    for each in (verdict, Schedule(cast(Any, None), "pre-production", [], must_succeed=must_succeed).play()):
        assert (len(each.violations), each.unknown) == (violations, int(state == "unknown"))


class Striking(Schedule):
    """A run in which each act is struck at one of the points that are left."""

    runs: ClassVar[list[int]] = []

    def play(self) -> Verdict:
        first = {event.number: event for event in reversed(self.events)}
        self.armed = [_Armed(event, {}, Path("/nowhere"), handled=first[event.number] == event) for event in self.events]
        self.runs.append(len(self.events))
        return Verdict(["lost"] if len(self.runs) == 3 else [], float(len(self.runs)))


@pytest.mark.parametrize(("violations", "runs", "points"), [([], [10, 8, 6, 4, 2], 10), (["lost"], [10, 8, 6], 6)])
def test_what_one_run_does_not_reach_the_next_does(
    monkeypatch: pytest.MonkeyPatch, violations: list[str], runs: list[int], points: int
) -> None:
    monkeypatch.setattr(schedules, "Schedule", Striking)
    monkeypatch.setattr(schedules, "numbers", lambda rig, environment, *kinds: [1, 2])
    Striking.runs = [] if violations else [0, 0, 0]
    result: Any = schedules.together(cast(Any, None), "pre-production", "kill-tick", at=journal.POINTS)
    assert ([each for each in Striking.runs if each], result.points, result.violations) == (runs, points, violations)


def test_what_no_run_reaches_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(self: Schedule) -> Verdict:
        self.armed = []
        return Verdict()

    monkeypatch.setattr(Schedule, "play", play)
    monkeypatch.setattr(schedules, "numbers", lambda rig, environment, *kinds: [1, 2])
    result = schedules.together(cast(Any, None), "pre-production", "kill-tick")
    assert (result.points, len(result.violations)) == (0, 2)


def test_a_plan_without_acts_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "numbers", lambda rig, environment, *kinds: [])
    with pytest.raises(NotRun, match="vpn:again has no plan now"):
        schedules.together(cast(Any, None), "vpn:again", "kill-tick")


@pytest.mark.usefixtures("no_rig")
@pytest.mark.parametrize(("asked", "count"), [("P99", 2), ("P99:together", 1), ("P99:1", 1)])
def test_what_is_played_together_counts_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, asked: str, count: int) -> None:
    points = ("together:killed", "1:killed", "2:killed")
    monkeypatch.setitem(suite.PROMISES, "P99", Promise("P99", "it holds", lambda rig: iter(points), lambda rig, point: Verdict()))
    assert next(iter(suite.run(Wanted((asked,))))).runs == count


@pytest.mark.usefixtures("no_rig")
def test_what_a_machine_cannot_do_is_not_counted_as_run(monkeypatch: pytest.MonkeyPatch) -> None:
    result = play(monkeypatch, NotRun("no such program"), Verdict())
    assert (result.runs, result.not_run, result.why_not) == (1, 1, ["no such program"])


def drawn(*gates: dict[str, str]) -> tuple[SimpleNamespace, dict[str, Any]]:
    """A rig whose console answers with a plan that has these gates."""
    made = {"id": "p", "gates": list(gates)}
    answer = SimpleNamespace(status_code=201, json=lambda: made)
    return SimpleNamespace(http=SimpleNamespace(post=lambda path, json: answer), ask=lambda role, plan: {}), made


def test_what_the_clock_on_the_wall_forbids_is_not_run() -> None:
    near = {"key": "payout", "state": "bad", "said": "the payout at 02:00"}
    approval = {"key": "approval", "state": "bad", "said": "nobody has yet"}
    rig, _ = drawn(near, approval)
    with pytest.raises(NotRun, match="mirakl: the payout at 02:00"):
        ways._drawn(cast(Any, rig), "plans", service="mirakl")
    rig, made = drawn({**near, "state": "ok"}, approval)
    assert ways._drawn(cast(Any, rig), "plans", service="mirakl") == made


@pytest.mark.usefixtures("no_rig")
def test_a_sample_is_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    many = promise(*[Verdict() for _ in range(200)])
    rigs = Rigs(Wanted())
    first, again = (suite.chosen(many, Wanted(sample=0.1, seed=3), rigs) for _ in range(2))
    assert first == again
    assert len(first) == 20
    assert first != suite.chosen(many, Wanted(sample=0.1, seed=4), rigs)


def test_the_last_result_of_each_promise_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    suite.keep(Result("P1", "One", 1, runs=3))
    suite.keep(Result("P2", "Two", 1, runs=4))
    suite.keep(Result("P1", "One", 1, runs=5, violations=1))
    kept = json.loads((tmp_path / "promises.json").read_text())
    assert {name: (row["runs"], row["violations"]) for name, row in kept.items()} == {"P1": (5, 1), "P2": (4, 0)}


def test_the_page_names_what_the_suite_plays() -> None:
    assert [promise.key for promise in promises.PROMISES if promise.in_suite] == list(suite.PROMISES)


def test_what_is_not_reached_in_its_time_is_counted_as_not_run(monkeypatch: pytest.MonkeyPatch, no_rig: None) -> None:
    monkeypatch.setitem(suite.PROMISES, "P99", promise(*[Verdict() for _ in range(5)]))
    result = next(iter(suite.run(Wanted(("P99",), minutes=1e-9))))
    assert (result.runs, result.not_run) == (0, 5)
    assert result.why_not == ["5 points: the time for this promise was over."]


def test_points_side_by_side_are_each_played_once(monkeypatch: pytest.MonkeyPatch, no_rig: None) -> None:
    played: list[str] = []

    def run(rig: object, point: str) -> Verdict:
        played.append(point)
        return Verdict()

    monkeypatch.setitem(suite.PROMISES, "P99", Promise("P99", "A promise", lambda rig: map(str, range(30)), run))
    assert next(iter(suite.run(Wanted(("P99",), side_by_side=4)))).runs == 30
    assert sorted(played, key=int) == [str(number) for number in range(30)]


def test_points_may_be_asked_for_by_how_they_begin(monkeypatch: pytest.MonkeyPatch, no_rig: None) -> None:
    monkeypatch.setitem(suite.PROMISES, "P99", promise(*[Verdict() for _ in range(20)]))
    assert next(iter(suite.run(Wanted(("P99:1",))))).runs == 11
    assert [result.runs for result in suite.run(Wanted(("P99:1", "p99:0")))] == [12]
    assert [result.runs for result in suite.run(Wanted(("P99:1", "P99")))] == [20]
    with pytest.raises(SystemExit, match="no point that begins with 7x"):
        list(suite.run(Wanted(("P99:7x",))))


@pytest.mark.parametrize("part", [Wanted(("P99:1",)), Wanted(("P99",), sample=0.5), Wanted(replay=("P99:1",))])
def test_some_points_are_not_kept_as_the_promise(monkeypatch: pytest.MonkeyPatch, no_rig: None, tmp_path: Path, part: Wanted) -> None:
    monkeypatch.setitem(suite.PROMISES, "P99", promise(*[Verdict() for _ in range(4)]))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    suite.main(part, as_json=False)
    assert not (tmp_path / "promises.json").exists()
    suite.main(Wanted(("P99",)), as_json=False)
    assert (tmp_path / "promises.json").exists()


def test_a_schedule_follows_from_its_seed() -> None:
    assert p18_schedules.events("7", 19) == p18_schedules.events("7", 19)
    assert len({tuple(p18_schedules.events(str(seed), 19)) for seed in range(50)}) == 50


def test_worlds_differ_by_what_is_there_and_by_what_was_done() -> None:
    host = {"version": "the plan's", "maintenance": False}
    environments: dict[str, dict[str, object]] = {"front": {"version": "the plan's", "status": "Ready"}}
    right = World({"fe-1": host}, environments, stored=True)
    assert right.differences(right) == []
    closed = World({"fe-1": {**host, "maintenance": True}}, environments, stored=False)
    assert len(closed.differences(right)) == 2
    twice = World({"fe-1": host}, environments, stored=True)
    twice.deeds.update({"UpdateEnvironment on front": 2})
    right.deeds.update({"UpdateEnvironment on front": 1})
    assert twice.differences(right) == ["UpdateEnvironment on front: done 2 times, without the fault 1 times"]


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=carry, args=(connection,), daemon=True).start()

    def carry(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    made = Proxy(echo)
    yield made
    made.close()


def connected(proxy: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), 5)
    client.settimeout(0.5)
    client.sendall(b"hello")
    assert client.recv(10) == b"hello"
    return client


def is_over(client: socket.socket) -> bool:
    try:
        return client.recv(10) == b""
    except ConnectionResetError:
        return True


def test_a_proxy_passes_swallows_and_resets(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.mode = "swallow"
        client.sendall(b"lost")
        with pytest.raises(TimeoutError):
            client.recv(10)
        proxy.reset()
        assert is_over(client)


def test_a_proxy_says_what_it_has_hit(proxy: Proxy) -> None:
    assert (proxy.open_connections, proxy.reset()) == (0, 0)
    with connected(proxy) as client:
        assert proxy.open_connections == 1
        proxy.cut_after(100)
        assert not proxy.has_cut()
        proxy.cut_after(None)
        client.sendall(b"x" * 200)
        assert client.recv(10) == b"x" * 10  # what was asked for before is forgotten
        proxy.cut_after(3)
        client.sendall(b"abcdef")
        for _ in range(50):
            if proxy.has_cut():
                break
            time.sleep(0.05)
        assert proxy.has_cut()
    with connected(proxy):
        assert proxy.reset() == 1


def test_a_proxy_cuts_after_so_many_bytes(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.cut_after(3)
        client.sendall(b"abcdef")
        try:
            got = client.recv(10)
        except ConnectionResetError:
            got = b""
        assert got in (b"abc", b"")


def test_a_config_leads_through_proxies(tmp_path: Path, echo: int) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host i-0 fe-1 10.0.0.1\n    Port {echo}\n\nHost bitbucket.org\n    Port 1\n")
    proxies = in_front(config, tmp_path / "copy")
    try:
        assert list(proxies) == ["fe-1"]
        assert f"Port {proxies['fe-1'].port}" in (tmp_path / "copy").read_text()
        assert "    Port 1\n" in (tmp_path / "copy").read_text()
    finally:
        proxies["fe-1"].close()
