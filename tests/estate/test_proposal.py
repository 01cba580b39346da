"""`./console init`: what AWS tells becomes an estate.yaml; what it cannot tell, and what is denied, is named."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from estate import reading
from estate.management.commands import propose
from estate.proposal import around
from estate.proposal.draft import Draft
from estate.proposal.draw import NothingSeen, draw
from estate.proposal.names import Place, key, places
from estate.proposal.seen import Seen, look
from estate.proposal.written import written
from people.models import Operator
from people.permissions import may
from remote.aws.alarms import Alarm
from remote.aws.beanstalk import Environment
from remote.aws.found import Found
from tests import box
from tests.estate import other_account

SHIPPED = yaml.safe_load((settings.BASE_DIR / "estate.yaml").read_text(encoding="utf-8"))

# What no call of AWS answers, and why; everything else that estate.yaml has must come out as it is shipped.
CANNOT_TELL = {
    "observe": "a wish of whoever starts with it",
    "repositories.*": "where code comes from",
    "services.*.about": "words for people",
    "services.*.environments.*.configuration": "repository, branches and folders of the configuration",
    "services.*.environments.*.statics": "themes and languages",
    "services.*.environments.*.shares": "mounts are known to the hosts alone",
    "services.*.environments.*.edits": "lines of files",
    "services.*.environments.*.build": "the build host is no instance of the account",
    "services.*.environments.*.proofs": "files of the hosts",
    "services.*.environments.*.money": "the payouts' calendar",
    "services.*.environments.*.approval": "a rule of the team",
    "services.*.environments.*.cdn": "which of its files is always there",
    "access.gateway.configuration": "which repository keeps what runs on the gateway",
    "access.gateway.services": "which ports belong together, and their names",
    "access.ftp": "an account on a host",
    "by_hand.*.name": "words for people",
    "by_hand.*.about": "words for people",
    "by_hand.*.ports": "which of the open ports are worth asking",
    "rundeck.project": "Rundeck's own",
    "alarms.*.about": "words for people",
    "alarms.*.unit": "words for people",
}


def differences(one: Any, other: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places where they are not the same."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in {**one, **other}:
            yield from differences(one.get(name), other.get(name), (*where, str(name)))
    elif one != other:
        yield where


def fits(pattern: str, where: tuple[str, ...]) -> bool:
    parts = pattern.split(".")
    return len(parts) <= len(where) and all(part in ("*", name) for part, name in zip(parts, where, strict=False))


@cache
def seen_at(endpoint: str) -> Seen:
    """Read once for all tests; `sandbox` has the environment lead there."""
    return look("eu-west-3")


def drawn(sandbox: dict[str, str]) -> Draft:
    return draw(seen_at(sandbox["aws_endpoint"]), city="Paris")


def test_the_played_account_gives_the_shipped_estate_but_for_what_aws_cannot_tell(sandbox: dict[str, str]) -> None:
    draft = drawn(sandbox)
    found = list(differences(draft.document, SHIPPED))
    assert [where for where in found if not any(fits(pattern, where) for pattern in CANNOT_TELL)] == []
    assert [
        pattern for pattern in CANNOT_TELL if not any(fits(pattern, where) for where in found)
    ] == []  # the list is no longer than need be
    assert [where for where in found if not draft.is_doubted(where)] == []  # and whoever reads the file is told so


def test_what_can_only_be_told_in_part_is_not_wrong(sandbox: dict[str, str]) -> None:
    draft = drawn(sandbox)
    asked = {port["port"] for port in draft.document["by_hand"]["windows"]["ports"]}
    assert {port["port"] for port in SHIPPED["by_hand"]["windows"]["ports"]} <= asked

    def ports(document: Mapping[str, Any]) -> set[str]:
        return {port for each in document["access"]["gateway"]["services"].values() for port in each["ports"]}

    assert ports(draft.document) == ports(SHIPPED)


def test_the_file_is_read_back_as_it_was_drawn(sandbox: dict[str, str], tmp_path: Path) -> None:
    call_command("propose", str(tmp_path / "estate.yaml"))
    text = (tmp_path / "estate.yaml").read_text(encoding="utf-8")
    draft = drawn(sandbox)
    assert yaml.safe_load(text) == draft.document
    estate = reading.load(tmp_path / "estate.yaml")
    assert estate.observe
    assert [tier.hosts for tier in estate.target("magento", "production").tiers] == [1, 4]
    for why in draft.doubts.values():
        assert why in text


def test_the_second_account_is_proposed_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other names, other counts, another region, made on the wire."""
    with other_account.running(monkeypatch) as account:
        call_command("propose", str(tmp_path / "estate.yaml"))
    document = yaml.safe_load((tmp_path / "estate.yaml").read_text(encoding="utf-8"))
    reading.load(tmp_path / "estate.yaml")
    expected = account.expected()
    assert list(differences(_only(document, expected), expected)) == []
    assert set(document["services"]) == set(expected["services"])
    assert set(document["environments"]) == set(expected["environments"])
    assert set(document["alarms"]) == set(expected["alarms"])
    assert "rundeck" not in document
    assert "# The alarm “quick” is not among the alarms" in (tmp_path / "estate.yaml").read_text(encoding="utf-8")


def _only(document: Any, shape: Any) -> Any:
    """Of a document, what the other one has, too."""
    if isinstance(document, Mapping) and isinstance(shape, Mapping):
        return {name: _only(document.get(name), shape[name]) for name in shape}
    return document


def test_what_is_denied_is_named_and_the_rest_is_proposed(
    sandbox: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    control = box.Control(sandbox)
    try:
        for service in ("rds", "cloudfront", "route53", "elasticbeanstalk"):
            control.fault("access-denied", times=-1, service=service)
        call_command("propose", str(tmp_path / "estate.yaml"))
    finally:
        control.clear()
        control.close()
    said = capsys.readouterr().out
    text = (tmp_path / "estate.yaml").read_text(encoding="utf-8")
    for source in ("databases", "distributions", "names", "Beanstalk"):
        assert f"Could not be read: {source}: " in said
        assert f"# Could not be read: {source}: " in text
    assert "describe-environments" in said
    estate = reading.load(tmp_path / "estate.yaml")
    assert set(estate.services) == set(SHIPPED["services"])  # by the tags of the hosts
    assert [tier.hosts for tier in estate.target("magento", "production").tiers] == [1, 4]
    assert estate.target("magento", "production").database == ""
    assert set(estate.alarms) == set(SHIPPED["alarms"])


def test_without_any_answer_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: dict[str, str]) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CommandError, match="no connection"):
        call_command("propose", str(tmp_path / "estate.yaml"))
    assert not (tmp_path / "estate.yaml").exists()


def test_who_stops_it_finds_no_file_and_may_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(region: str) -> Seen:
        raise KeyboardInterrupt

    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    monkeypatch.setattr(propose, "look", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            call_command("propose", str(tmp_path / "estate.yaml"))
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, sandbox: dict[str, str]) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("propose", str(tmp_path / "none" / "estate.yaml"))


def test_a_file_that_is_there_is_left_alone(tmp_path: Path, sandbox: dict[str, str]) -> None:
    there = tmp_path / "estate.yaml"
    there.write_text("mine", encoding="utf-8")
    with pytest.raises(CommandError, match="there already"):
        call_command("propose", str(there))
    assert there.read_text(encoding="utf-8") == "mine"


def test_the_command_of_the_door(sandbox: dict[str, str], tmp_path: Path) -> None:
    """As a person would type it, without a terminal: nothing is asked."""
    environment = {name: value for name, value in os.environ.items() if name not in ("SECRET_KEY", "DJANGO_SETTINGS_MODULE")}
    del environment["AWS_ENDPOINT_URL"], environment["AWS_DEFAULT_REGION"]
    options = ["--profile", "", "--region", "eu-west-3", "--endpoint-url", sandbox["aws_endpoint"], "--output", str(tmp_path / "e.yaml")]
    done = subprocess.run(
        [sys.executable, "-m", "door", "init", *options],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"ESTATE_FILE={tmp_path / 'e.yaml'}" in done.stdout
    assert "observe: true" in (tmp_path / "e.yaml").read_text(encoding="utf-8")


@pytest.fixture
def proposed(sandbox: dict[str, str], tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The console runs with the proposed file."""
    text = written(drawn(sandbox), seen_at(sandbox["aws_endpoint"]), timezone.localdate())
    (tmp_path / "estate.yaml").write_text(text, encoding="utf-8")
    settings.ESTATE_FILE = tmp_path / "estate.yaml"
    monkeypatch.setattr(reading, "_known", None)
    return tmp_path / "estate.yaml"


@pytest.mark.django_db
def test_the_console_observes_until_the_line_is_taken_away(proposed: Path, releaser: Operator, client: Client) -> None:
    client.force_login(releaser)
    assert "Observes only" in client.get("/").content.decode()
    refused = may(releaser, "release", "production")
    assert not refused
    assert "observe" in refused.why
    text = proposed.read_text(encoding="utf-8")
    proposed.write_text("\n".join(line for line in text.splitlines() if not line.startswith("observe:")), encoding="utf-8")
    os.utime(proposed, ns=(1, 1))
    assert may(releaser, "release", "production")
    assert "Observes only" not in client.get("/").content.decode()


@pytest.mark.django_db
def test_every_page_stands_with_the_proposed_file(proposed: Path, releaser: Operator, client: Client) -> None:
    client.force_login(releaser)
    for page in ("/services/", "/estate/", "/handover/", "/access/", "/deadlines/", "/alarms/"):
        assert client.get(page, follow=True).status_code == 200, page


# -- Pure


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["acme-shop-prod-bo", "acme-shop-preprod", "acme-erp"],
            [Place("shop", "production", "back"), Place("shop", "pre-production", ""), Place("erp", "production", "")],
        ),
        (["shop-live-web", "shop-live-admin"], [Place("shop", "production", "front"), Place("shop", "production", "back")]),
        (["shop-prod"], [Place("shop", "production", "")]),
        (["prod"], [Place("prod", "production", "")]),
        (["a-x-uat", "a-x-staging", "a-y-qa"], [Place("x", "uat", ""), Place("x", "staging", ""), Place("y", "qa", "")]),
        (["Shop_Pre-Prod"], [Place("shop", "pre-production", "")]),
        (["2048-game"], [Place("game", "production", "")]),
    ],
)
def test_names_are_taken_apart(names: list[str], expected: list[Place]) -> None:
    found = places(names)
    assert [found[name] for name in names] == expected


def test_keys_are_such_as_the_file_takes() -> None:
    assert key("Ärger & Co") == "rger-co"
    assert key("2048") == "x-2048"
    assert key("shop", ["shop", "shop-2"]) == "shop-3"
    assert len(key("x" * 200)) <= 40


def test_an_account_without_beanstalk_has_nothing_to_propose() -> None:
    with pytest.raises(NothingSeen):
        draw(Seen("1" * 12, "eu-west-3", (), {}, (), {}), city="Paris")


@pytest.mark.parametrize("end", ["\n", "\x85", "\u2028", "\r"])
def test_a_name_that_breaks_a_line_adds_none_to_the_file(end: str) -> None:
    draft = Draft({"name": f"Shop{end}x: y"}, left=[f"The alarm “quick{end}services: {{}}” is not among the alarms."])
    seen = Seen("1" * 12, "eu-west-3", (), {}, (), {}, {"names": f"no{end}answer"})
    text = written(draft, seen, timezone.localdate())
    assert yaml.safe_load(text) == {"name": f"Shop{end}x: y"}
    assert "# The alarm “quick services: {}” is not among the alarms." in text


def environment(name: str) -> Environment:
    return Environment("e-1", name, "app", "v1", "Ready", "Green", "Ok", abortable=False, updated=None, cname="", platform="")


def test_hostile_words_stay_words() -> None:
    """Whatever people wrote into tags and descriptions: the file is read back as it was meant."""
    nasty = 'x"; observe: false\nobserve: false # {'
    alarm = Alarm(
        "a: {b} # c",
        {"AlarmDescription": nasty, "MetricName": "M", "Namespace": "N", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
         "Threshold": 0.5, "ComparisonOperator": "LessThanThreshold"},
        "OK", "", timezone.now(), timezone.now(),
    )  # fmt: skip
    instance = Found("instance", "i-1", "yes", {"beanstalk": "", "groups": ["sg-1"], "platform": "linux", "private_ip": "10.0.0.1"})
    rule = {"protocol": "tcp", "ports": [445, 445], "from": "203.0.113.7/32", "about": nasty}
    echo = rule | {"protocol": "icmp", "ports": [8, -1]}
    group = Found("security-group", "sg-1", "g\nroup: x", {"in": [rule, echo]})
    seen = Seen("1" * 12, "eu-west-3", (environment("shop"),), {}, (alarm,), {"instance": (instance,), "security-group": (group,)},
                {"names": "denied\nobserve: false"})  # fmt: skip
    draft = draw(seen, city="Nowhere")
    read = yaml.safe_load(written(draft, seen, timezone.localdate()))
    assert read == draft.document
    assert read["observe"] is True
    assert read["access"]["gateway"]["instance"] == "yes"
    assert [each["ports"] for each in read["access"]["gateway"]["services"].values()] == [["445"]], "ICMP has no ports"
    assert list(around._samples(seen, instance)) == [445]
    assert read["time_zone"] == "UTC"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"Statistic": ""}, "no plain statistic"),
        ({"Period": 10}, "multiple of a minute"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "comparison"),
        ({}, ""),
    ],
)
def test_an_alarm_that_cannot_be_declared_is_named(changed: dict[str, Any], why: str) -> None:
    said = {"MetricName": "M", "Namespace": "N", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "LessThanThreshold"} | changed  # fmt: skip
    alarm = Alarm("bell", said, "OK", "", timezone.now(), timezone.now())
    draft = draw(Seen("1" * 12, "eu-west-3", (environment("shop"),), {}, (alarm,), {}), city="")
    assert ("alarms" in draft.document) == (not why)
    assert [why in said for said in draft.left] == ([True] if why else [])
