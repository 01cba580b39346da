"""The production dashboard of the hand-over document: its seven widgets as a table, held against what CloudWatch has.

Lines 261 to 278 of the document. The names are the document's, which are those of Classic load balancers; `classic` translates them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.dashboards.definition import Dashboard, Line, Widget
from monitoring.dashboards.models import StoredDashboard

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Promised:
    """A row of a widget as the document words it; `period` 0 where it names none. `metrics` are the names it may have."""

    what: str
    metrics: tuple[str, ...]
    statistic: str
    period: int = 0
    many: int = 1


@dataclass(frozen=True, slots=True)
class PromisedWidget:
    title: str
    view: str
    rows: tuple[Promised, ...]
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """`differs` has a sentence for each difference; none: the widget is as the document says."""

    promised: PromisedWidget
    widget: Widget | None
    differs: tuple[str, ...]


WIDGETS = (
    PromisedWidget("Environment Health", "singleValue", (Promised("Beanstalk health", ("EnvironmentHealth",), ""),)),
    PromisedWidget(
        "Application requests stats",
        "singleValue",
        (
            Promised("Request count", ("RequestCount",), "Sum", HOUR),
            Promised("HTTPCode_Backend_5XX", ("HTTPCode_Backend_5XX", "HTTPCode_Target_5XX_Count"), "Sum", HOUR),
            Promised("HealthyHostCount", ("HealthyHostCount",), "Average", HOUR),
            Promised("UnHealthyHostCount", ("UnHealthyHostCount",), "Average", HOUR),
            Promised("Latency", ("Latency", "TargetResponseTime"), "Average", HOUR),
            Promised(
                "EstimatedALBActiveConnections",
                ("EstimatedALBActiveConnections", "EstimatedALBActiveConnectionCount", "ActiveConnectionCount"),
                "Average",
                HOUR,
            ),
            Promised("EstimatedProcessedBytes", ("EstimatedProcessedBytes", "ProcessedBytes"), "Sum", HOUR),
        ),
    ),
    PromisedWidget("LoadAverage5min EC2 instances", "timeSeries", (Promised("LoadAverage5min", ("LoadAverage5min",), "Average", many=4),)),
    PromisedWidget("RDS instance CPU utilization", "timeSeries", (Promised("CPUUtilization", ("CPUUtilization",), "Average"),)),
    PromisedWidget("Backend latency", "timeSeries", (Promised("Latency", ("Latency", "TargetResponseTime"), "Average"),)),
    PromisedWidget("CPU usage Redis", "timeSeries", (Promised("CPUUtilization", ("CPUUtilization", "EngineCPUUtilization"), "Average"),)),
    PromisedWidget(
        "Backend request status",
        "timeSeries",
        tuple(Promised(f"{each}xx", (f"HTTPCode_Backend_{each}XX", f"HTTPCode_Target_{each}XX_Count"), "Sum") for each in (3, 4, 5)),
        stacked=True,
    ),
)
_ENOUGH = 4  # widgets of the seven by which a dashboard is known as the production dashboard


def production() -> StoredDashboard | None:
    """The dashboard in CloudWatch that has most of the seven widgets; None where none has four."""
    rows = list(StoredDashboard.objects.filter(gone=None))
    found = sorted(((_fits(row), row.name, row) for row in rows), key=lambda each: (-each[0], each[1]))
    return found[0][2] if found and found[0][0] >= _ENOUGH else None


def _fits(row: StoredDashboard) -> int:
    """By the titles alone, which needs no reading of the JSON."""
    return sum(f'"{promised.title}"' in row.body for promised in WIDGETS)


def compared(dashboard: Dashboard) -> tuple[Compared, ...]:
    return tuple(_compared(promised, dashboard) for promised in WIDGETS)


def _compared(promised: PromisedWidget, dashboard: Dashboard) -> Compared:
    widget = next((each for each in dashboard.widgets if each.title.casefold() == promised.title.casefold()), None)
    if widget is None:
        return Compared(promised, None, (f"The document's widget “{promised.title}” is not in CloudWatch.",))
    differs: list[str] = []
    if widget.view != promised.view:
        differs.append(f"it is drawn as {widget.view}, the document says {promised.view}")
    if widget.stacked != promised.stacked:
        differs.append("it is stacked, the document says lines" if widget.stacked else "it has lines, the document says stacked")
    for row in promised.rows:
        differs += _row(row, widget.lines)
    return Compared(promised, widget, tuple(differs))


def _row(row: Promised, lines: Sequence[Line]) -> list[str]:
    found = [line for line in lines if line.visible and (line.metric in row.metrics or _old_name(line) in row.metrics)]
    if len(found) < row.many:
        return [f"{row.what} is missing" if not found else f"{row.what} has {len(found)} lines, the document says {row.many}"]
    differs = []
    for line in found:
        if row.statistic and line.statistic != row.statistic:
            differs.append(f"{row.what} is the {line.statistic.lower()}, the document says {row.statistic.lower()}")
        if row.period and line.period != row.period:
            differs.append(f"{row.what} has a period of {line.period} s, the document says {row.period} s")
    return list(dict.fromkeys(differs))


def _old_name(line: Line) -> str:
    return line.translated_from.rpartition(" ")[2]
