"""CloudWatch dashboards: reading only. What their JSON means is `monitoring.dashboards`'s."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from remote.aws.session import Patience, ask, ask_all


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    modified: datetime | None
    size: int  # bytes of its JSON


def dashboards(*, patience: Patience | None = None) -> list[Entry]:
    """By name."""
    found = ask_all("cloudwatch", "list_dashboards", "DashboardEntries", patience=patience)
    entries = (Entry(raw["DashboardName"], raw.get("LastModified"), raw.get("Size", 0)) for raw in found)
    return sorted(entries, key=lambda each: each.name)


def dashboard_body(name: str, *, patience: Patience | None = None) -> str:
    """Its JSON as text. Raises NotFound."""
    body: str = ask("cloudwatch", "get_dashboard", patience=patience, DashboardName=name)["DashboardBody"]
    return body
