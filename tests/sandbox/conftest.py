"""AWS's side alone, over the wire: one running service a module, with hosts that do at once what a test tells them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import seed, service
from sandbox.world import Host, World, make_world

SPEED = 600
LABEL = "r417-0123abc"
DEPLOYMENT = 23


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"shop"


@dataclass(frozen=True)
class Outcome:
    returncode: int = 0
    failed_command: str = ""
    failed_file: str = ""
    timed_out: bool = False
    message: str = ""


@dataclass
class Hosts:
    """What the hosts do. Statuses by host and path; outcomes by host, used up once."""

    statuses: dict[tuple[str, str], int] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    deployed: list[tuple[str, str, int, bool]] = field(default_factory=list)
    seconds: float = 60

    def answer(self, world: World, host: Host, path: str, headers: dict[str, str]) -> Answer:
        return Answer(self.statuses.get((host.name, path), 200))

    def deploy(self, world: World, host: Host, bundle: bytes, *, label: str, deployment_id: int, leader: bool) -> Outcome:
        self.deployed.append((host.name, label, deployment_id, leader))
        world.clock.sleep(self.seconds)
        return self.outcomes.pop(host.name, Outcome())

    def tail(self, world: World, host: Host) -> str:
        return f"the last lines of {host.name}\n"


@dataclass
class Estate:
    world: World
    aws: service.Aws
    hosts: Hosts

    def client(self, name: str) -> Any:
        return seed.client(name, self.aws.endpoint)

    @property
    def beanstalk(self) -> Any:
        return self.client("elasticbeanstalk")

    def make_version(self, label: str) -> None:
        bucket, key = "elasticbeanstalk-eu-west-3-123456789012", f"test/{label}.zip"
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=b"a zip")
        self.beanstalk.create_application_version(
            ApplicationName="client-magento", VersionLabel=label, SourceBundle={"S3Bucket": bucket, "S3Key": key}
        )

    def is_settled(self, name: str) -> bool:
        """Ready, and what there was to tell about health is told."""
        environment = self.aws.ledger.environments[name]
        return environment.status == "Ready" and not environment.quiet

    def update(self, name: str, label: str) -> str:
        """Deploys, waits until it is over, and returns the request id."""
        reply = self.beanstalk.update_environment(EnvironmentName=name, VersionLabel=label)
        until(lambda: self.is_settled(name))
        return str(reply["ResponseMetadata"]["RequestId"])

    def story(self, name: str, since: Any) -> list[tuple[str, str]]:
        """Severity and message of each event since then, oldest first."""
        events = self.beanstalk.describe_events(EnvironmentName=name, StartTime=since)["Events"]
        return [(event["Severity"], event["Message"]) for event in reversed(events)]


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Waits for a condition; fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def refused(call: Any, **arguments: Any) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def serve(folder: Path, seed_: int = 1, speed: float = SPEED) -> Estate:
    world, hosts = make_world(folder, speed=speed, seed=seed_), Hosts()
    side = service.HostsSide(hosts.answer, hosts.deploy, hosts.tail)
    return Estate(
        world,
        service.serve(
            world, side, bundles={LABEL: b"PK"}, labels={name: LABEL for name, *_ in seed.ENVIRONMENTS}, deployment_id=DEPLOYMENT
        ),
        hosts,
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Estate]:
    """A service of its own. There is one in a process: a module uses this or `estate`, never both."""
    estate = serve(tmp_path)
    yield estate
    estate.aws.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    estate = serve(tmp_path_factory.mktemp("estate"))
    yield estate
    estate.aws.stop()


@pytest.fixture
def estate(running: Estate) -> Iterator[Estate]:
    """The running service, with nothing going wrong and nothing under way."""
    yield running
    running.world.faults.clear()
    running.hosts.statuses.clear()
    running.hosts.outcomes.clear()
    until(lambda: all(running.is_settled(name) for name in running.aws.ledger.environments))
