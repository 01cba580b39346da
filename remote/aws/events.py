"""What RDS and ElastiCache tell of their own: failovers, restarts, maintenance. They remember two weeks. Reading only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remote.aws.found import PATIENCE
from remote.aws.session import ask_all


@dataclass(frozen=True, slots=True)
class Event:
    """`source` is the identifier of the database or of the cache; `text` is AWS's own sentence."""

    source: str
    at: datetime
    text: str


def of_databases(since: datetime, until: datetime) -> Iterator[Event]:
    found = ask_all("rds", "describe_events", "Events", patience=PATIENCE, StartTime=since, EndTime=until)
    return map(_event, found)


def of_caches(since: datetime, until: datetime) -> Iterator[Event]:
    found = ask_all("elasticache", "describe_events", "Events", patience=PATIENCE, StartTime=since, EndTime=until)
    return map(_event, found)


def _event(raw: Mapping[str, Any]) -> Event:
    return Event(str(raw.get("SourceIdentifier", "")), raw["Date"], str(raw.get("Message", "")))
