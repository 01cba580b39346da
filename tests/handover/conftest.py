"""One sandbox for all tests of the claims, read once; a test changes a truth in it, reads only the source concerned, and puts it back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from estate import inventory
from handover import document, judging, looks
from handover.models import Verdict
from handover.observed import Observed, grouped
from remote.aws import buckets
from remote.ssh.runner import PLACE, SCRIPT, STATE
from runs.doors import door, runner
from tests import box

ONE_OF = {"hosts": looks.hosts, "repositories": looks.repositories, "buckets": buckets.buckets}


@dataclass
class World:
    """The sandbox from outside: AWS over the wire, its control page, and what was observed before any test."""

    ready: dict[str, str]
    control: httpx.Client
    before: Observed
    _clients: dict[str, Any]
    _changed: dict[int, Observed] = field(default_factory=dict)

    def aws(self, service: str, region: str = "eu-west-3") -> Any:
        key = f"{service}@{region}"
        if key not in self._clients:
            self._clients[key] = boto3.client(  # type: ignore[call-overload]
                service,
                region_name=region,
                endpoint_url=self.ready["aws_endpoint"],
                aws_access_key_id="somebody-else",
                aws_secret_access_key="sandbox",
                config=Config(proxies={}, s3={"addressing_style": "path"}, read_timeout=60),
            )
        return self._clients[key]

    def act(self, action: str, /, **options: str) -> None:
        answer = self.control.post(f"/sim/actions/{action}", json=options)
        assert answer.status_code == 200, answer.text

    def found(self, kind: str, name: str) -> Any:
        found = self.before.one(kind, name)
        assert found is not None, f"{kind} {name}"
        return found

    def again(self, source: str, where: str = "") -> Observed:
        """What is observed once this source has been read anew; of hosts, repositories and buckets that one alone: others cost much."""
        asked = inventory.source(source)
        if where:
            read = ONE_OF[source]([where])
            others = [each for kind in asked.kinds for each in self.before.every(kind) if each.name.partition(" ")[0] != where]
            return self.before.altered(asked.kinds, [*others, *read])
        found, failed = inventory.read_all([asked])
        assert not failed, failed
        return self.before.altered(asked.kinds, found[source])

    def changed(self, flip: Any) -> Observed:
        """What is observed while it is changed; it is put back at once, and changed once however many ask."""
        if id(flip) not in self._changed:
            undo = flip.change(self)
            try:
                self._changed[id(flip)] = self.again(flip.source, flip.where)
            finally:
                undo()
        return self._changed[id(flip)]

    def verdict(self, number: int, observed: Observed) -> Verdict:
        claim = document.claim(number)
        assert claim is not None
        return judging.judge(claim, observed).observed


@pytest.fixture(scope="session")
def _estate_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A sandbox of its own: what others do to theirs would be drift here."""
    folder = tmp_path_factory.mktemp("claims") / "sandbox"
    with box.running(folder, speed=1000) as ready:
        yield ready | {"control_data": str(folder / "data")}


def _give_runner(root: Path) -> None:
    """As `manage.py install_runner` leaves it, which has tests of its own: the host is a folder here."""
    place = root / PLACE.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(SCRIPT.read_bytes())
    place.chmod(0o755)
    (root / STATE.lstrip("/")).mkdir(parents=True, exist_ok=True, mode=0o700)


def _here(ready: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    """This process speaks to the box, as long as the patch holds: whoever comes after has a world of their own."""
    from django.conf import settings

    for name, value in box.environment(dict(ready)).items():
        patch.setenv(name, value)
    patch.setattr(settings, "SSH_CONFIG", ready["ssh_config"])
    patch.setattr(settings, "SSH_BROKER", "")
    patch.setattr(settings, "DATA_DIR", Path(ready["console_data"]))


@pytest.fixture(scope="session")
def _world(_estate_box: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    ready = _estate_box | {"console_data": str(tmp_path_factory.mktemp("claims-data"))}
    with pytest.MonkeyPatch.context() as patch:
        _here(ready, patch)
        door.cache_clear()
        runner.cache_clear()
        for look in document.looks():
            if (Path(ready["control_data"]) / "hosts" / look.host).exists():
                _give_runner(Path(ready["control_data"]) / "hosts" / look.host)
        found, failed = inventory.read_all(inventory.sources())
    assert not failed, json.dumps(failed, indent=1)
    kinds = [kind for source in inventory.sources() for kind in source.kinds]
    before = Observed(grouped([each for many in found.values() for each in many], kinds))
    with httpx.Client(base_url=ready["control"], trust_env=False, timeout=60) as control:
        yield World(ready, control, before, {})
    door.cache_clear()
    runner.cache_clear()


@pytest.fixture
def world(_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    _here(_world.ready, monkeypatch)
    return _world
