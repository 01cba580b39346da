"""AWS's side put together: one state, moto's server over it, the estate in it, and a heartbeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from moto.core.base_backend import BackendDict
from moto.moto_api._internal import mock_random

from sandbox.aws import (
    alarm_seed,
    alarm_wire,
    alarms,
    beanstalk_wire,
    console_output,
    dashboards,
    databases,
    history,
    identity,
    inventory,
    keys,
    loadbalancing,
    month,
    reboots,
    seed,
    server,
    servers,
    topics,
)
from sandbox.aws.beanstalk import Beanstalk, Deployer
from sandbox.aws.health import Doctor
from sandbox.aws.logs import LogRequests
from sandbox.aws.metrics import Recorder
from sandbox.aws.past import Past
from sandbox.aws.pulse import Pulse
from sandbox.aws.state import Ledger
from sandbox.aws.storage import Storage
from sandbox.aws.targets import Targets
from sandbox.aws.traffic import Traffic
from sandbox.world import PROD_FRONT, Host, World


class Answer(Protocol):
    """What a host's web server says."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def body(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class HostsSide:
    """What AWS needs of the hosts."""

    answer: Callable[[World, Host, str, dict[str, str]], Answer]
    deploy: Deployer
    tail: Callable[[World, Host], str]
    reboot: Callable[[World, Host], None] = lambda world, host: None
    fingerprints: Callable[[World, Host], list[str]] = lambda world, host: []  # of its SSH host keys, as its first boot printed them


@dataclass(slots=True)
class Aws:
    """`world.aws`: the running service."""

    endpoint: str
    ledger: Ledger
    beanstalk: Beanstalk
    traffic: Traffic
    targets: Targets
    answer: Callable[[World, Host, str, dict[str, str]], Answer]
    recorder: Recorder
    stop: Callable[[], None]
    _turns: dict[str, Any] = field(default_factory=dict)

    def next_turn(self, group: str) -> int:
        """Round robin: which turn this request is, among those of its target group."""
        turn: int = next(self._turns.setdefault(group, count()))
        return turn


def serve(
    world: World, hosts: HostsSide, *, bundles: Mapping[str, bytes], labels: Mapping[str, str], deployment_id: int, port: int = 0
) -> Aws:
    """Starts AWS's endpoint with the estate of the hand-over document in it.

    `bundles` by label are what is deployed, `labels` by environment where; `deployment_id` is the number of all those deployments.
    """
    mock_random.seed(world.seed)
    ledger, seen, storage = Ledger(world), Traffic(world.clock), Storage()
    groups = Targets(world, _prober(world, hosts))
    doctor = Doctor(ledger, seen, groups)
    loadbalancing.install(world, groups)
    alarms.install()
    alarm_wire.install()
    topics.install()
    identity.install()
    keys.prepare()
    databases.install(world)
    reboots.install(world, hosts.reboot)
    console_output.install(world, hosts.fingerprints)
    inventory.install()
    endpoint, stop_server = server.listen(world, port)
    logs = LogRequests(ledger, storage, hosts.tail, _signer(endpoint))
    beanstalk = Beanstalk(ledger, doctor, seen, storage, logs, loadbalancing.ThroughBalancer(), hosts.deploy)
    beanstalk_wire.install(beanstalk)

    versions = seed.storage(endpoint, bundles)
    vpc, public, private = seed.network(endpoint)
    seed.instances(endpoint, world, private)
    seed.balancers(endpoint, world, vpc, public, groups)
    inventory.fill(endpoint, world, vpc, public, private)
    servers.launch(endpoint, world, vpc, public)
    seed.environments(ledger, labels, versions, deployment_id)
    history.release_before(ledger)
    past = Past(world.seed, world.clock.now())
    happened = month.incidents(past, ledger)
    month.remember(ledger, past, happened)
    topics.seed()
    alarm_seed.put()
    alarm_seed.remember(past, happened)
    alarms.backend().act = topics.publish
    dashboards.put([instance.id for instance in ledger.environments[PROD_FRONT].instances])
    recorder = Recorder(ledger, doctor, seen)
    pulse = Pulse(ledger, doctor, alarms.Watch(recorder.record_when_due).beat)

    def stop() -> None:
        pulse.stop()
        stop_server()
        BackendDict.reset()

    aws = Aws(endpoint, ledger, beanstalk, seen, groups, hosts.answer, recorder, stop)
    world.aws = aws
    pulse.start()
    return aws


def _prober(world: World, hosts: HostsSide) -> Callable[[Host, str], int]:
    return lambda host, path: hosts.answer(world, host, path, {"User-Agent": "ELB-HealthChecker/2.0"}).status


def _signer(endpoint: str) -> Callable[[str, str], str]:
    """Makes signed addresses of objects, good for the fifteen minutes that the objects live."""
    s3 = seed.client("s3", endpoint)

    def sign(bucket: str, key: str) -> str:
        address: str = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=900)
        return address

    return sign
