"""The jobs that Rundeck has, what they print while they run, and the executions that there were."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.world import World

PROJECT = "client-magento"
TOKEN = "sandbox-rundeck-token"  # noqa: S105  (of the sandbox, which has nothing to keep)
USER = "ops-console"
_URL = "http://rundeck.internal-client.url:4440"


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    name: str
    group: str
    description: str
    lines: tuple[tuple[float, str, str], ...]  # simulated seconds before it, node, text

    def to_json(self) -> dict[str, Any]:
        link = f"{_URL}/project/{PROJECT}/job/show/{self.id}"
        told = {"id": self.id, "name": self.name, "group": self.group or None, "project": PROJECT, "description": self.description}
        return told | {"href": f"{_URL}/api/14/job/{self.id}", "permalink": link, "scheduled": False, "enabled": True}

    def to_yaml(self) -> str:
        commands = "".join(f"    - exec: {text[2:]}\n" for _, _, text in self.lines if text.startswith("$ "))
        return (
            f"- description: {self.description}\n  executionEnabled: true\n  group: {self.group}\n  id: {self.id}\n  loglevel: INFO\n"
            f"  name: {self.name}\n  nodeFilterEditable: false\n  scheduleEnabled: true\n"
            f"  sequence:\n    commands:\n{commands}    keepgoing: false\n    strategy: node-first\n  uuid: {self.id}\n"
        )


JOBS: Sequence[Job] = (
    Job(
        "6f0c5a1e-4d7b-4b83-9b51-1d2f7c9e8a01",
        "Warm the category pages",
        "after a release",
        "Asks for the first page of every category, so that the next visitor does not wait",
        (
            (1, "rundeck", "$ /opt/jobs/warm.sh --pages categories"),
            (8, "rundeck", "48 of 212 categories"),
            (12, "rundeck", "130 of 212 categories"),
            (12, "rundeck", "212 of 212 categories, slowest 1.9 s"),
        ),
    ),
    Job(
        "b81d3c52-90a7-4e16-8c0d-5e7a64f21b02",
        "Reindex the search",
        "catalogue",
        "indexer:reindex catalogsearch_fulltext on the back office",
        (
            (1, "be", "$ sudo -u webapp php /var/app/current/bin/magento indexer:reindex catalogsearch_fulltext"),
            (35, "be", "Catalog Search index has been rebuilt successfully in 00:00:34"),
        ),
    ),
    Job(
        "0d94e7b6-2c38-47f5-a6e9-83b1f05dca03",
        "Deploy magento PROD",
        "",
        "The job of the hand-over document; this console's release plan takes its place",
        (
            (1, "rundeck", "$ git clone git@bitbucket.org:client/magento.git"),
            (5, "rundeck", "fatal: this job has been moved to the Ops Console; release from there"),
        ),
    ),
)
_FAILS = {"Deploy magento PROD"}


class Refusal(Exception):
    """As Rundeck says it."""

    def __init__(self, status: int, code: str, said: str) -> None:
        super().__init__(said)
        self.status, self.code = status, code


@dataclass
class Execution:
    id: int
    job: Job
    user: str
    arguments: str
    started: datetime
    ended: datetime | None = None
    status: str = "running"
    entries: list[tuple[datetime, str, str]] = field(default_factory=list)
    aborted: bool = False

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"id": self.id, "href": f"{_URL}/api/14/execution/{self.id}", "status": self.status, "project": PROJECT}
        told |= {"permalink": f"{_URL}/project/{PROJECT}/execution/show/{self.id}", "executionType": "user", "user": self.user}
        told |= {"date-started": _date(self.started), "job": self.job.to_json(), "description": self.job.description}
        told |= {"argstring": self.arguments or None} | ({"date-ended": _date(self.ended)} if self.ended else {})
        return told

    def output(self, offset: int) -> dict[str, Any]:
        """Offsets are bytes of the log file, as Rundeck counts them; here each entry is its text and a newline."""
        at, entries = 0, []
        for time, node, text in list(self.entries):
            if at >= offset:
                entries.append(
                    {"time": f"{time:%H:%M:%S}", "absolute_time": _date(time)["date"], "level": "NORMAL", "log": text, "node": node}
                )
            at += len(text.encode()) + 1
        over = self.status != "running"
        told = {"id": str(self.id), "offset": str(at), "completed": over, "execCompleted": over, "execState": self.status}
        return told | {"hasFailedNodes": self.status == "failed", "totalSize": at, "percentLoaded": 100.0, "entries": entries}

    def abort(self) -> dict[str, Any]:
        if self.status != "running":
            return {"abort": {"status": "failed", "reason": "Job is not running"}, "execution": {"id": str(self.id), "status": self.status}}
        self.aborted = True
        return {"abort": {"status": "pending"}, "execution": {"id": str(self.id), "status": "running"}}


class Jobs:
    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._executions: dict[int, Execution] = {}
        now = world.clock.now()
        for number, (job, days, status) in enumerate(((JOBS[2], 9, "succeeded"), (JOBS[1], 3, "succeeded"), (JOBS[0], 2, "failed")), 811):
            began = now - timedelta(days=days)
            self._executions[number] = Execution(number, job, "admin", "", began, began + timedelta(minutes=4), status)

    def listed(self) -> list[dict[str, Any]]:
        return [job.to_json() for job in JOBS]

    def definition(self, id: str) -> str:
        return self._job(id).to_yaml()

    def executions(self, id: str, most: int) -> dict[str, Any]:
        job = self._job(id)
        mine = [each.to_json() for each in sorted(self._executions.values(), key=lambda each: -each.id) if each.job is job][:most]
        return {"paging": {"count": len(mine), "total": len(mine), "offset": 0, "max": most}, "executions": mine}

    def execution(self, id: int) -> Execution:
        try:
            return self._executions[id]
        except KeyError:
            raise Refusal(404, "item.doesnotexist", f"Execution ID does not exist: {id}") from None

    def run(self, id: str, arguments: str) -> dict[str, Any]:
        job = self._job(id)
        with self._lock:
            if any(each.job is job and each.status == "running" for each in self._executions.values()):
                raise Refusal(409, "execution.conflict", f'Execution had a conflict: Job "{job.name}" is currently being executed')
            execution = Execution(max(self._executions, default=0) + 1, job, USER, arguments, self._world.clock.now())
            self._executions[execution.id] = execution
        threading.Thread(target=self._go, args=(execution,), name=f"rundeck-{execution.id}", daemon=True).start()
        return execution.to_json()

    def loses_reply(self) -> bool:
        return self._world.faults.strikes("rundeck-lost-reply") is not None

    def _go(self, execution: Execution) -> None:
        deed = self._world.deeds.begin(f"Rundeck: {execution.job.name}", "rundeck", str(execution.id))
        broken = self._world.faults.strikes("rundeck-fails") is not None
        for seconds, node, text in execution.job.lines:
            self._world.clock.sleep(seconds)
            if execution.aborted:
                break
            execution.entries.append((self._world.clock.now(), node, text))
        if broken and not execution.aborted:
            execution.entries.append((self._world.clock.now(), "rundeck", "Failed: NonZeroResultCode: Result code was 1"))
        execution.ended = self._world.clock.now()
        self._world.deeds.end(deed)
        bad = broken or execution.job.name in _FAILS
        execution.status = "aborted" if execution.aborted else "failed" if bad else "succeeded"

    def _job(self, id: str) -> Job:
        found = next((job for job in JOBS if job.id == id), None)
        if found is None:
            raise Refusal(404, "item.doesnotexist", f"Job ID does not exist: {id}")
        return found


def _date(moment: datetime) -> dict[str, Any]:
    return {"unixtime": int(moment.timestamp() * 1000), "date": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
