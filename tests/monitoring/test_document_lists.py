"""Side by side with the hand-over document's lists (lines 251 to 278) of alarms and widgets: nothing is missing, nothing has another value.

The document's side is `handover/claims.yaml`, which has every sentence of it with its line.
"""

from __future__ import annotations

import re

from estate.reading import current
from handover import document as handover
from handover.document import Claim
from monitoring.dashboards import document

STATISTIC = {"sum": "Sum", "average": "Average"}


def listed(kind: str) -> dict[str, list[Claim]]:
    """The names that the document quotes, each with its sentences, in its order; below a widget what it is made of."""
    found: dict[str, list[Claim]] = {}
    name = ""
    lists = [claim for claim in handover.claims() if 251 <= claim.first_line <= 278]
    for claim in sorted(lists, key=lambda each: (each.first_line, each.id)):
        if quoted := re.match(r"(Alarm|Widget) '(.+?)'", claim.sentence):
            name = quoted[2] if quoted[1] == kind else ""
            if name:
                found[name] = [claim]
        elif name and claim.sentence.startswith("- "):
            found[name].append(claim)
    return found


def test_every_alarm_of_the_document_is_declared_with_its_values() -> None:
    alarms = current().alarms
    assert set(listed("Alarm")) == set(alarms)
    for name, (claim,) in listed("Alarm").items():
        assert claim.check == "alarm_is"
        for fact, value in claim.told["facts"].items():
            assert getattr(alarms[name], fact) == value, (name, fact)
        for number in re.findall(r"above (\d+)|> (\d+)|connections > (\d+)", claim.sentence):
            assert alarms[name].threshold == float(next(filter(None, number)))
        if minutes := re.search(r"within (\d+) minutes|more than (\d+) minutes", claim.sentence):
            assert alarms[name].period * alarms[name].periods == 60 * int(minutes[1] or minutes[2])


def test_every_widget_of_the_document_is_promised_with_its_parts() -> None:
    widgets = {widget.title: widget for widget in document.WIDGETS}
    assert list(listed("Widget")) == list(widgets)
    for title, (_, *parts) in listed("Widget").items():
        said = {claim.sentence[2:].partition(":")[0]: claim.sentence.partition(": ")[2] for claim in parts}
        assert set(said) <= {row.what for row in widgets[title].rows}, title
        assert not parts or len(said) == len(widgets[title].rows)
        for row in widgets[title].rows:
            if row.what in said:
                assert row.statistic == STATISTIC[said[row.what].split()[0]], row.what
