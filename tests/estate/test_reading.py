"""estate.yaml: read into values, or refused with file, line and what was expected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django.fixtures import Settings

from estate import reading
from estate.definition import UnknownTarget
from remote import observing
from remote.errors import Refused

SHIPPED = (settings.BASE_DIR / "estate.yaml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "estate.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(reading.EstateError) as refused:
        reading.load(written(folder, text))
    return str(refused.value)


def changed(old: str, new: str) -> str:
    assert old in SHIPPED
    return SHIPPED.replace(old, new, 1)


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


def test_the_shipped_estate_is_read(tmp_path: Path) -> None:
    estate = reading.load(written(tmp_path, SHIPPED))
    target = estate.target("magento", "production")
    assert target.name == "Magento production"
    assert [tier.beanstalk for tier in target.tiers] == ["client-magento-prod-bo", "client-magento-prod"]
    assert target.configuration.branches == ("prod", "master", "prebuilt")
    assert target.edits.user_ini["max_execution_time"] == "1800"
    assert target.environment.confirm
    assert not estate.target("magento", "pre-production").environment.confirm


def test_the_least_role_is_one_that_changes_things(tmp_path: Path) -> None:
    staging = "shared: {name: Shared, least_role: operator}"
    assert reading.load(written(tmp_path, changed("shared: {name: Shared}", staging))).environments["shared"].least_role == "operator"
    said = refusal(tmp_path, changed("shared: {name: Shared}", staging.replace("operator", "viewer")))
    assert "environments.shared.least_role is “viewer”; expected one of: operator, releaser" in said


def test_an_unknown_target_names_what_there_is(tmp_path: Path) -> None:
    estate = reading.load(written(tmp_path, SHIPPED))
    with pytest.raises(UnknownTarget, match="magento in production, magento in pre-production"):
        estate.target("pin", "production")


def test_an_unknown_key_is_named_with_its_line_and_the_known_ones(tmp_path: Path) -> None:
    text = changed("branch: master", "brnach: master")
    said = refusal(tmp_path, text).splitlines()
    line = line_of(text, "brnach")
    place = "services.magento.environments.production.code"
    assert said[0] == f"estate.yaml, line {line}: {place} has an unknown key “brnach”; expected one of: branch, repository"


MISTAKES = [
    ("hosts: 1", "hosts: one", "tiers[0].hosts is “one”; expected a whole number"),
    ("hosts: 1", "hosts: 0", "expected a whole number from 1 to 200"),
    ("region: eu-west-3\n", "", "the file lacks the key “region”: an AWS region such as eu-west-3"),
    ("time_zone: Europe/Paris", "time_zone: Europe/Pariss", "“Europe/Pariss”, which is no time zone"),
    ("repository: magento", "repository: magneto", "unknown repository “magneto”; expected one of: magento, beanstalk-config"),
    ("      production:\n", "      prod:\n", "unknown environment “prod”; expected one of: production, pre-production, shared"),
    ("branch: master", 'branch: "--upload-pack=x"', "code.branch: “--upload-pack=x” is no branch name"),
    ("branches: [prod, master, prebuilt]", 'branches: [prod, "a..b"]', "branches[1]: “a..b” is no branch name"),
    ("magento.git", " magento.git", "expected a git address without blanks"),
    ("key: back, name", "key: front, name", "tiers[1] has the key “front”, which another tier has already"),
    ("client-magento-prod-bo", "client-magento-prod", "names “client-magento-prod”, which is already"),
    ("area: frontend", "area: front", "expected one of: frontend, adminhtml"),
    ("code: 301", "code: 300", "expected one of: 301, 302, 307, 308"),
    ('"1800"', "1800", "max_execution_time is “1800”; expected a value in quotes"),
    (
        "repository: packer, branch",
        "repository: pakker, branch",
        "access.gateway.configuration.repository names an unknown repository “pakker”",
    ),
    ("path: gateway/haproxy.cfg", "path: ../haproxy.cfg", "expected a path inside the repository, such as gateway/haproxy.cfg"),
    ("branch: master, path", 'branch: "-x", path', "access.gateway.configuration.branch: “-x” is no branch name"),
    ("name: Client estate", "name: Client estate\nname: Another", "has the key “name” twice (first in line 2)"),
    ("  shared:", "   shared:", "this is not YAML"),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_said_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    said = refusal(tmp_path, changed(old, new))
    assert expected in said
    assert said.startswith("estate.yaml, line ")


def test_every_mistake_is_said_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, changed("hosts: 1", "hosts: 0").replace("area: adminhtml", "area: admin", 1))
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    "text", ["", "[]", "5", "services: {a: {environments: 3}}", "? [a]\n: b", "a: &a [*a]", "\x00", "!!python/object:os.system {}"]
)
def test_whatever_the_file_holds_there_is_a_sentence(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).startswith("estate.yaml, line ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(reading.EstateError, match="ESTATE_FILE has to name a readable file"):
        reading.load(tmp_path / "estate.yaml")


def test_the_file_is_read_again_when_it_changes_and_only_then(tmp_path: Path, settings: Settings) -> None:
    path = written(tmp_path, SHIPPED)
    settings.ESTATE_FILE = path
    first = reading.current()
    assert reading.current() is first
    path.write_text(changed("name: Client estate", "name: Another estate"), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert reading.current().name == "Another estate"


def test_a_change_for_the_worse_leaves_the_last_good_estate(tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, SHIPPED)
    settings.ESTATE_FILE = path
    good = reading.current()
    path.write_text(changed("hosts: 1", "hosts: 0"), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert reading.current() is good
    assert reading.current() is good
    assert caplog.text.count("The changed estate file is not used") == 1
    path.write_text(SHIPPED, encoding="utf-8")
    os.utime(path, ns=(2, 2))
    assert reading.current() == good


def test_a_wrong_file_is_refused_at_start(tmp_path: Path, settings: Settings) -> None:
    settings.ESTATE_FILE = written(tmp_path, SHIPPED)
    call_command("check", tags=["estate"])
    settings.ESTATE_FILE = written(tmp_path, changed("hosts: 1", "hosts: 0"))
    with pytest.raises(SystemCheckError, match=r"estate\.yaml, line \d+: .* expected a whole number"):
        call_command("check", tags=["estate"])


@pytest.mark.parametrize(
    "text", [None, changed("hosts: 1", "hosts: 0"), SHIPPED + "\nobserve: true\n"], ids=["missing", "wrong", "observe"]
)
def test_a_file_that_says_nothing_allows_nothing(tmp_path: Path, settings: Settings, text: str | None) -> None:
    settings.ESTATE_FILE = tmp_path / "estate.yaml" if text is None else written(tmp_path, text)
    assert reading.wants_observing()
    with pytest.raises(Refused, match="observes only") as refused:
        observing.refuse("a change")
    assert "estate.yaml, which has to be readable" in refused.value.next_step


def test_a_file_that_can_be_read_and_does_not_say_it_allows_changes(tmp_path: Path, settings: Settings) -> None:
    settings.ESTATE_FILE = written(tmp_path, SHIPPED)
    assert not reading.wants_observing()
    observing.refuse("a change")
