"""Rundeck's HTTP API, version 14, JSON: the jobs of a project, their definitions and history, starting one, its output.

The token travels in a header, comes from RUNDECK_TOKEN, and is in no address, log or error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from remote.errors import Busy, Denied, NotFound, Refused, Throttled, Unanswered
from remote.http import Answer, fetch

VERSION = 14
READ_SECONDS = 8.0
WRITE_SECONDS = 6.0  # below half of the engine's lease
_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    name: str
    group: str
    description: str
    enabled: bool
    link: str


@dataclass(frozen=True, slots=True)
class Execution:
    """`status` is Rundeck's: running, succeeded, failed, aborted, timedout, scheduled, …"""

    id: int
    status: str
    user: str
    arguments: str
    link: str
    started: datetime | None
    ended: datetime | None
    job: str = ""

    @property
    def is_over(self) -> bool:
        return self.status not in ("running", "scheduled", "queued")


@dataclass(frozen=True, slots=True)
class Output:
    """`lines` are (node, text). `offset` is where to go on; `whole` when all that will ever come has been read."""

    lines: tuple[tuple[str, str], ...]
    offset: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Server:
    """`url` without a path, such as http://rundeck.internal-client.url:4440."""

    url: str

    def jobs(self, project: str) -> list[Job]:
        """By group and name. Raises NotFound where there is no such project."""
        found = [_job(each) for each in self._ask(f"project/{quote(project, safe='')}/jobs")]
        return sorted(found, key=lambda job: (job.group, job.name))

    def definition(self, job: str) -> str:
        """As YAML, as Rundeck exports it."""
        return self._call("GET", f"job/{quote(job, safe='')}", {"format": "yaml"}, accept="text/yaml").text

    def executions(self, job: str, *, most: int = 20) -> list[Execution]:
        """Newest first."""
        answer = self._ask(f"job/{quote(job, safe='')}/executions", {"max": str(most)})
        return sorted((_execution(each) for each in answer["executions"]), key=lambda each: -each.id)

    def run(self, job: str, arguments: str = "") -> Execution:
        """Starts it. Raises Unanswered where it may have begun, Busy where it runs already and may not run twice."""
        body = {"argString": arguments} if arguments else {}
        return _execution(_read(self._call("POST", f"job/{quote(job, safe='')}/run", body=body, deadline=WRITE_SECONDS)))

    def execution(self, id: int) -> Execution:
        return _execution(self._ask(f"execution/{id:d}"))

    def output(self, id: int, offset: int = 0) -> Output:
        answer = self._ask(f"execution/{id:d}/output", {"offset": str(offset), "maxlines": "1000"})
        lines = tuple((str(each.get("node") or ""), str(each.get("log") or "")) for each in answer.get("entries", ()))
        return Output(lines, int(answer.get("offset", offset)), bool(answer.get("completed")))

    def abort(self, id: int) -> str:
        """Rundeck's word: pending, aborted or failed."""
        answer = _read(self._call("POST", f"execution/{id:d}/abort", body={}, deadline=WRITE_SECONDS))
        return str(answer.get("abort", {}).get("status", "unknown"))

    def _ask(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return _read(self._call("GET", path, query))

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        accept: str = "application/json",
        deadline: float = READ_SECONDS,
    ) -> Answer:
        url = f"{self.url}/api/{VERSION}/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"X-Rundeck-Auth-Token": os.environ.get("RUNDECK_TOKEN", ""), "Accept": accept}
        content = None
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        answer = fetch(url, method=method, headers=headers, deadline=deadline, limit=_BYTES, content=content)
        if answer.status >= 400:
            raise _complaint(answer, path)
        return answer


def _complaint(answer: Answer, path: str) -> Exception:
    try:
        told = json.loads(answer.text)
        said = str(told.get("message") or told.get("error"))[:300]
    except (ValueError, AttributeError):
        said = f"status {answer.status}"
    match answer.status:
        case 401 | 403:
            return Denied(f"Rundeck refuses {path}: {said}", "Check RUNDECK_TOKEN, and what its user may do in Rundeck.")
        case 404:
            return NotFound(f"Rundeck has no {path}: {said}", "Look at the list of jobs again.")
        case 409:
            return Busy(f"Rundeck does not start it: {said}", "Wait until it has ended.")
        case 429:
            return Throttled(f"Rundeck takes no more requests: {said}", "Wait a moment.")
        case status if status >= 500:
            return Unanswered(f"Rundeck failed at {path}: {said}", "Look at Rundeck's own page.")
    return Refused(f"Rundeck refuses {path}: {said}", "Look at Rundeck's own page.")


def _read(answer: Answer) -> Any:
    try:
        return json.loads(answer.text)
    except ValueError as error:
        raise Unanswered("Rundeck's answer cannot be read: it is no JSON", "Is that address Rundeck's? See estate.yaml.") from error


def _job(raw: Mapping[str, Any]) -> Job:
    told = {"name": raw.get("name"), "group": raw.get("group"), "description": raw.get("description"), "link": raw.get("permalink")}
    return Job(id=str(raw["id"]), enabled=raw.get("enabled") is not False, **{name: str(value or "") for name, value in told.items()})


def _execution(raw: Mapping[str, Any]) -> Execution:
    return Execution(
        id=int(raw["id"]),
        status=str(raw.get("status", "unknown")),
        user=str(raw.get("user") or ""),
        arguments=str(raw.get("argstring") or ""),
        link=str(raw.get("permalink") or ""),
        started=_moment(raw.get("date-started")),
        ended=_moment(raw.get("date-ended")),
        job=str((raw.get("job") or {}).get("id") or ""),
    )


def _moment(raw: Any) -> datetime | None:
    """{"unixtime": milliseconds, "date": …}"""
    return datetime.fromtimestamp(raw["unixtime"] / 1000, UTC) if isinstance(raw, dict) and "unixtime" in raw else None
