"""CloudWatch: alarms and widgets as they are declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handover.checks.seen import Seen, listed, with_facts
from handover.checks.things import is_there
from handover.observed import Observed


def alarm_is(observed: Observed, *, name: str, facts: Mapping[str, Any]) -> Seen:
    return is_there(observed, kind="alarm", name=name, facts=facts)


def widget_shows(observed: Observed, *, title: str, metrics: Sequence[str] = (), facts: Mapping[str, Any] | None = None) -> Seen:
    """A widget of the dashboard with these metrics: "NAME STATISTIC"."""
    found = observed.one("widget", title)
    if found is None:
        return Seen(False, f"There is no widget “{title}”")
    missing = [each for each in metrics if each not in found.facts["metrics"]]
    seen = with_facts(found, facts or {})
    return Seen(
        seen.agrees and not missing,
        f"“{title}”: no {listed(missing)}" if missing else f"“{title}”: {listed(found.facts['metrics'])}; {seen.said}",
    )
