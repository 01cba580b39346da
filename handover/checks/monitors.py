"""CloudWatch: alarms and widgets as they are declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from handover.checks.seen import Seen, listed, told_of, with_facts
from handover.checks.things import is_there
from handover.observed import Observed


def alarm_is(observed: Observed, *, name: str, facts: Mapping[str, Any]) -> Seen:
    return is_there(observed, kind="alarm", name=name, facts=facts)


def widget_shows(observed: Observed, *, title: str, metrics: Sequence[str] = (), facts: Mapping[str, Any] | None = None) -> Seen:
    """A widget of the dashboard with these metrics: "NAME STATISTIC", each as often as it is named."""
    found = observed.one("widget", title)
    if found is None:
        return Seen(False, f"There is no widget “{title}”")
    there = Counter(found.facts["metrics"])
    missing = Counter(metrics) - there
    seen = with_facts(found, facts or {})
    if missing:
        return Seen(False, f"“{title}”: missing {listed(_several(missing))}")
    shown = {each: count for each, count in there.items() if not metrics or each in metrics}
    return Seen(seen.agrees, f"“{title}”: {listed(_several(shown))}" + (f"; {told_of(found, facts)}" if facts else ""))


def _several(metrics: Mapping[str, int]) -> list[str]:
    return [f"{count} × {each}" if count > 1 else each for each, count in metrics.items()]
