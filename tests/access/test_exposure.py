"""What reaches what, and what explains it: judged without a network."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from access import place
from access.gateway import exposure, haproxy, kept, observe, rules
from access.models import AllowedAddress, Seen
from access.place import Place
from access.programs import Sections
from estate.ways_in import Kept
from remote.aws.security_groups import Rule
from remote.errors import Unreachable
from remote.git.mirror import Mirror
from sandbox.hosts.gateway import CONFIG
from sandbox.repositories.git import Writing, git, make_bare
from sandbox.repositories.packer import HAPROXY, history

BY_HAND = {"frontend custom_connection_ftp", "    bind *:21", "    default_backend custom_connection_ftp", "",
           "backend custom_connection_ftp", "    server custom-1 10.0.101.82:21"}  # fmt: skip


def rule(cidr: str, first: int, last: int, description: str = "", protocol: str = "tcp") -> Rule:
    return Rule(f"sgr-{cidr}-{first}", protocol, first, last, cidr, "", "", description)


def seen_with(*found: Rule) -> Seen:
    return Seen(name="gateway", facts={"rules": [asdict(each) for each in found]})


def entry(**more: object) -> AllowedAddress:
    words = {"pk": 5, "cidr": "203.0.113.7/32", "services": ["rdp"], "state": "allowed", "owner": "x", "until": timezone.now()} | more
    return AllowedAddress(**words)


def test_a_mark_that_somebody_wrote_explains_nothing() -> None:
    services = place.gateway().services
    mine = rule("203.0.113.7/32", 3389, 3389, "oc-5 x")
    forged = [
        rule("0.0.0.0/0", 3389, 3389, "oc-5 x"),
        rule("203.0.113.7/32", 0, 65535, "oc-5 x"),
        rule("203.0.113.7/32", 3389, 3389, "oc-5 x", "udp"),
    ]
    assert rules.compare([entry()], [mine, *forged], services).unknown == tuple(forged)
    assert rules.compare([entry()], [mine], services) == rules.Comparison((), ())
    assert rules.compare([entry(state="removed")], [mine], services).unknown == (mine,)


@pytest.mark.parametrize(
    "source, who, light",
    [
        (rule("198.51.100.0/24", 2100, 2100), "1 address or network", "warn"),
        (rule("0.0.0.0/0", 4096, 9000), "everybody", "bad"),
        (rule("0.0.0.0/0", -1, -1, protocol="-1"), "everybody", "bad"),
        (rule("0.0.0.0/0", 4097, 9000), "nobody", "skip"),
        (rule("0.0.0.0/0", 2048, 4096, protocol="udp"), "nobody", "skip"),
    ],
)
def test_who_reaches_a_part_of_a_range_reaches_it(source: Rule, who: str, light: str) -> None:
    ways = {way.ports: way for way in exposure.ways(place.gateway(), seen_with(source), None, None)}
    assert (ways["2048-4096"].who, ways["2048-4096"].light) == (who, light)


def test_nothing_is_said_of_who_and_what_before_anybody_has_answered() -> None:
    for way in exposure.ways(place.gateway(), None, None, None):
        assert (way.who, way.light, way.to) == ("unknown", "unknown", "unknown")
    for way in exposure.ways(place.gateway(), seen_with(), Seen(name="haproxy", facts={"binds": []}), None):
        assert (way.who, way.light, way.to) == ("nobody", "skip", "nothing is bound there")


def test_a_link_with_one_tunnel_down_is_not_well() -> None:
    links = [{"name": str(up), "up": up, "tunnels": 2} for up in (2, 1, 0)]
    ways = exposure.ways(None, Seen(name="gateway", facts={"links": links}), None, None)
    assert [(way.what, way.light) for way in ways] == [("2", "ok"), ("1", "warn"), ("0", "bad")]


def test_a_link_of_whose_tunnels_nothing_is_told_is_unknown() -> None:
    (way,) = exposure.ways(None, Seen(name="gateway", facts={"links": [{"name": "DLM-Ml", "up": 0, "tunnels": 0}]}), None, None)
    assert (way.light, way.to) == ("unknown", "AWS says nothing of its tunnels")


def test_what_two_frontends_claim_is_said_and_what_they_share_is_not() -> None:
    assert haproxy.problems(haproxy.config(HAPROXY)) == [
        "Port 3389 of rdp lies inside 2048-4096 of ftp: who is allowed ftp is allowed rdp, too."
    ]
    said = haproxy.problems(haproxy.config(CONFIG))
    assert any(each.startswith("Port 21 is claimed twice: by ftp and by custom_connection_ftp.") for each in said)
    assert haproxy.problems(haproxy.config("frontend a\n  bind :21\n  bind :22-30\nfrontend b\n  bind :31")) == []


def test_what_runs_and_is_not_kept_is_told_line_by_line() -> None:
    lines = list(kept.differences(HAPROXY, CONFIG))
    assert {line["text"] for line in lines if line["kind"] == "+"} == BY_HAND
    assert not any(line["kind"] == "-" for line in lines)
    running = CONFIG.splitlines()
    assert all(running[line["new"] - 1] == line["text"] for line in lines if line["kind"] in "+ ")
    assert list(kept.differences(CONFIG, CONFIG)) == []
    assert [line["kind"] for line in kept.differences("a\nb\n", "a\n")] == ["@", " ", "-"]


def test_no_password_of_a_configuration_is_kept_and_no_endless_difference() -> None:
    lines = list(kept.differences("", "  stats auth admin:hunter2hunter2\n  user x insecure-password geheim123\n"))
    assert "hunter2" not in str(lines)
    assert "geheim123" not in str(lines)
    assert "stats auth" in str(lines)
    assert len(list(kept.differences("", "x\n" * 9000))) == kept.LONGEST


@pytest.fixture
def repository(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packer's, and a mirror of it that the estate's gateway names."""
    made = tmp_path / "packer.git"
    make_bare(made)
    writing = Writing()
    for commit in history():
        writing.add(commit)
    writing.into(made)
    its = Kept("packer", str(made), "master", "gateway/haproxy.cfg")
    with_it = replace(place.gateway(), configuration=its)
    monkeypatch.setattr(place, "gateway", lambda: with_it)
    monkeypatch.setattr(kept, "_mirror", lambda its: Mirror(tmp_path / "mirror.git", its.url, None, allow_file=True))
    return made


def test_the_repository_s_configuration_is_compared_and_asked_again_only_after_a_while(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kept.compared(CONFIG, {})
    assert first["commit"] == git(repository, "rev-parse", "master").decode().strip()
    assert {line["text"] for line in first["lines"] if line["kind"] == "+"} == BY_HAND
    assert kept.compared(HAPROXY, first)["lines"] == [], "what runs is compared at once"

    def nobody(*names: str) -> dict[str, str]:
        raise Unreachable("no way to the repository", "Try again.")

    monkeypatch.setattr(Mirror, "heads", lambda self, *names: nobody(*names))
    assert kept.compared(CONFIG, first)["error"] == "", "it is not asked"
    old = first | {"asked": (timezone.now() - timedelta(hours=1)).isoformat()}
    late = kept.compared(CONFIG, old)
    assert late["error"] == "no way to the repository. Try again."
    assert late["lines"] == first["lines"]
    never = kept.compared(CONFIG, {})
    assert (never["commit"], never["lines"]) == ("", [])


@pytest.mark.parametrize("refusal", [Unreachable("no way to the repository", "Try again."), OSError(28, "No space left on device")])
def test_a_repository_that_fails_is_said_and_not_asked_at_each_look(
    repository: Path, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    asked = []

    def fails(its: Mirror, *names: str) -> dict[str, str]:
        asked.append(names)
        raise refusal

    monkeypatch.setattr(Mirror, "heads", fails)
    found = kept.compared(CONFIG, {})
    assert str(refusal) in found["error"]
    again = kept.compared(CONFIG, found)
    assert (again["error"], len(asked)) == (found["error"], 1)
    kept.compared(CONFIG, again | {"asked": (timezone.now() - timedelta(minutes=6)).isoformat()})
    assert len(asked) == 2


@pytest.mark.django_db
def test_what_the_gateway_says_is_stored_before_a_repository_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = []

    def compared(running: str, before: object) -> dict[str, str]:
        stored.append(Seen.objects.get(name="haproxy").facts["service"])
        return {"commit": "c0ffee"}

    monkeypatch.setattr(place, "find", lambda instance: Place(instance, "i-0abc", "10.0.101.8", "ami-0"))
    monkeypatch.setattr(observe, "ask", lambda program, ip, verb: Sections(f"\036service active\n\036config\n{CONFIG}"))
    monkeypatch.setattr(kept, "compared", compared)
    observe.look_at_host()
    seen = Seen.objects.get(name="haproxy")
    assert stored == ["active"]
    assert (seen.facts["kept"], seen.facts["service"]) == ({"commit": "c0ffee"}, "active")
    assert seen.answered is not None


def test_a_path_that_the_repository_does_not_have_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = place.gateway()
    assert gateway.configuration is not None
    elsewhere = replace(gateway, configuration=replace(gateway.configuration, path="nowhere.cfg"))
    monkeypatch.setattr(place, "gateway", lambda: elsewhere)
    found = kept.compared(CONFIG, {})
    assert (found["commit"], found["lines"]) == ("", [])
    assert "nowhere.cfg" in found["error"]
    nothing = replace(gateway, configuration=None)
    monkeypatch.setattr(place, "gateway", lambda: nothing)
    assert kept.compared(CONFIG, {}) == {}
