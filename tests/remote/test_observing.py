"""Observe mode: everything is looked at, nothing is changed, and each refusal says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from django.test import Client

from people.models import Operator
from people.permissions import may
from remote.aws import network, storage
from remote.aws.session import ask, tell
from remote.errors import Refused
from remote.ssh.client import Door
from remote.ssh.runner import Key, Runner


class NoDoor:
    """Whoever comes here has gone too far."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("a host was spoken to")


@pytest.fixture
def observing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVE", "1")


CHANGES: dict[str, Callable[[Runner], object]] = {
    "tell": lambda runner: tell("ec2", "start_instances", InstanceIds=["i-1"]),
    "start": lambda runner: network.start("i-1"),
    "put": lambda runner: storage.put("bucket", "key", Path("x"), "0" * 64),
    "run": lambda runner: runner.start("fe-1", Key("run-1", "step"), ["true"], epoch=1),
    "attend": lambda runner: runner.attend("fe-1", Key("run-1", "step"), ["true"], epoch=1, offset=0, seconds=1),
    "write": lambda runner: runner.put("fe-1", "/opt/x", b""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_leaves_that_could_change_anything(observing: None, name: str) -> None:
    with pytest.raises(Refused, match="observes only"):
        CHANGES[name](Runner(cast(Door, NoDoor())))


def test_looking_is_as_ever(observing: None, sandbox: dict[str, str]) -> None:
    assert ask("ec2", "describe_vpcs")["Vpcs"]
    assert network.machines()


def test_without_it_a_change_goes_out(sandbox: dict[str, str]) -> None:
    machine = next(each for each in network.machines() if each.name == "phpmyadmin")
    assert tell("ec2", "start_instances", InstanceIds=[machine.id])["StartingInstances"]


@pytest.mark.django_db
def test_people_are_told_and_may_still_plan(observing: None, releaser: Operator, client: Client) -> None:
    refused = may(releaser, "release", "production")
    assert not refused
    assert "observes only" in refused.why
    assert may(releaser, "plan", "production")
    assert may(releaser, "view")
    client.force_login(releaser)
    assert "Observes only" in client.get("/").content.decode()


@pytest.mark.django_db
def test_without_it_people_may(releaser: Operator, client: Client) -> None:
    assert may(releaser, "release", "production")
    client.force_login(releaser)
    assert "Observes only" not in client.get("/").content.decode()
