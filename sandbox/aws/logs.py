"""RequestEnvironmentInfo: the last lines of each host's logs, or all of them as a zip, put into S3 behind signed addresses.

Lives here: the request, its events and what RetrieveEnvironmentInfo returns. The lines themselves come from the host.
"""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.aws import texts
from sandbox.aws.state import Environment, Ledger
from sandbox.aws.storage import BEANSTALK_BUCKET, Storage
from sandbox.durations import DURATIONS
from sandbox.world import Host, World

KEPT = timedelta(minutes=15)  # then Beanstalk deletes them from S3

Tail = Callable[[World, Host], str]
Sign = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Sample:
    instance_id: str
    taken: datetime
    key: str


class LogRequests:
    def __init__(self, ledger: Ledger, storage: Storage, tail: Tail, sign: Sign) -> None:
        self._ledger, self._storage, self._tail, self._sign = ledger, storage, tail, sign
        self._samples: dict[tuple[str, str], list[Sample]] = {}  # by environment and kind

    def request(self, environment: Environment, request_id: str, kind: str = "tail") -> None:
        """`kind`: tail or bundle."""
        threading.Thread(target=self._pull, args=(environment, request_id, kind), name=f"logs of {environment.name}", daemon=True).start()

    def samples(self, environment: Environment, kind: str = "tail") -> list[tuple[Sample, str]]:
        """Each sample that S3 still holds, with its signed address."""
        now, place = self._ledger.world.clock.now(), (environment.name, kind)
        with self._ledger.lock:
            old = [sample for sample in self._samples.get(place, []) if now - sample.taken > KEPT]
            for sample in old:
                self._storage.remove(BEANSTALK_BUCKET, sample.key)
                self._samples[place].remove(sample)
            return [(sample, self._sign(BEANSTALK_BUCKET, sample.key)) for sample in self._samples.get(place, [])]

    def _pull(self, environment: Environment, request_id: str, kind: str) -> None:
        world = self._ledger.world
        self._ledger.say(texts.LOGS_REQUESTED, environment=environment.name, request_id=request_id)
        world.clock.sleep(DURATIONS.log_request)
        for instance in environment.instances:
            taken = world.clock.now()
            name = f"{'TailLogs' if kind == 'tail' else 'BundleLogs'}-{int(taken.timestamp() * 1000)}.{'txt' if kind == 'tail' else 'zip'}"
            key = f"resources/environments/logs/{kind}/{environment.id}/{instance.id}/{name}"
            self._storage.write(
                BEANSTALK_BUCKET, key, self._tail(world, instance.host).encode() if kind == "tail" else _zipped(instance.host)
            )
            with self._ledger.lock:
                self._samples.setdefault((environment.name, kind), []).append(Sample(instance.id, taken, key))
            self._ledger.say(texts.logs_tailed(instance.id), environment=environment.name, request_id=request_id)
        self._ledger.say(texts.LOGS_PULLED, environment=environment.name, request_id=request_id)


def _zipped(host: Host) -> bytes:
    """All of its logs, whole."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for log in sorted((host.root / "var/log").rglob("*")):
            if log.is_file():
                archive.writestr(str(log.relative_to(host.root)), log.read_bytes())
    return out.getvalue()
