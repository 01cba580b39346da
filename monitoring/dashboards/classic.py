"""The names of Classic load balancers (AWS/ELB) in what an Application Load Balancer calls them, marked as translated.

The document's dashboard speaks of HTTPCode_Backend_5XX and Latency; the shop's balancer is an Application Load Balancer, which has no such
metrics: without this, all its widgets would be empty. Names: "CloudWatch metrics for your Application Load Balancer" and "… Classic …".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from monitoring.dashboards.definition import Dashboard, Line, Widget

NAMES: Mapping[str, str] = {
    "RequestCount": "RequestCount",
    "Latency": "TargetResponseTime",
    "HTTPCode_Backend_2XX": "HTTPCode_Target_2XX_Count",
    "HTTPCode_Backend_3XX": "HTTPCode_Target_3XX_Count",
    "HTTPCode_Backend_4XX": "HTTPCode_Target_4XX_Count",
    "HTTPCode_Backend_5XX": "HTTPCode_Target_5XX_Count",
    "HTTPCode_ELB_4XX": "HTTPCode_ELB_4XX_Count",
    "HTTPCode_ELB_5XX": "HTTPCode_ELB_5XX_Count",
    "HealthyHostCount": "HealthyHostCount",
    "UnHealthyHostCount": "UnHealthyHostCount",
    "BackendConnectionErrors": "TargetConnectionErrorCount",
    "SpilloverCount": "RejectedConnectionCount",
    "EstimatedALBActiveConnections": "ActiveConnectionCount",  # as the document writes it; the real name ends in Count
    "EstimatedALBActiveConnectionCount": "ActiveConnectionCount",
    "EstimatedALBNewConnectionCount": "NewConnectionCount",
    "EstimatedALBConsumedLCUs": "ConsumedLCUs",
    "EstimatedProcessedBytes": "ProcessedBytes",
}
_OF_GROUPS = ("HealthyHostCount", "UnHealthyHostCount")  # counted for each target group, never for the balancer
_COUNTS = "The average of this on an Application Load Balancer says little; its sum is the number of connections."


@dataclass(frozen=True, slots=True, order=True)
class Balancer:
    """As CloudWatch names them: the tails of the ARNs."""

    balancer: str  # app/NAME/16 hex digits
    groups: tuple[str, ...]  # targetgroup/NAME/16 hex digits


def translated(dashboard: Dashboard, balancers: Mapping[str, Balancer]) -> Dashboard:
    """`balancers` are the Application Load Balancers that exist, by name; a classic name that none of them has stays as it is."""
    return replace(dashboard, widgets=tuple(_widget(widget, balancers) for widget in dashboard.widgets))


def _widget(widget: Widget, balancers: Mapping[str, Balancer]) -> Widget:
    lines: list[Line] = []
    said = list(widget.said)
    for line in widget.lines:
        made = _line(line, balancers)
        lines += made
        if line.namespace == "AWS/ELB" and made == [line]:
            said.append(_untranslated(line, balancers))
        elif line.metric.startswith("EstimatedALBActive") and line.statistic == "Average":
            said.append(_COUNTS)
    return replace(widget, lines=tuple(lines), said=tuple(dict.fromkeys(said)))


def _untranslated(line: Line, balancers: Mapping[str, Balancer]) -> str:
    if line.metric not in NAMES:
        return f"{line.metric} is of Classic load balancers, and an Application Load Balancer has nothing like it."
    name = line.dimensions.get("LoadBalancerName", "")
    return f"{line.metric} is of the Classic load balancer “{name}”; no Application Load Balancer has that name ({_known(balancers)})."


def _known(balancers: Mapping[str, Balancer]) -> str:
    return f"there is {', '.join(sorted(balancers))}" if balancers else "none is known yet"


def _line(line: Line, balancers: Mapping[str, Balancer]) -> list[Line]:
    found = balancers.get(line.dimensions.get("LoadBalancerName", ""))
    if line.namespace != "AWS/ELB" or line.metric not in NAMES or found is None:
        return [line]
    true = replace(line, namespace="AWS/ApplicationELB", metric=NAMES[line.metric], translated_from=f"AWS/ELB {line.metric}")
    if line.metric not in _OF_GROUPS:
        return [replace(true, dimensions={"LoadBalancer": found.balancer})]
    return _summed(true, found.balancer, found.groups)


def _summed(line: Line, balancer: str, groups: Sequence[str]) -> list[Line]:
    """Hosts of all groups of the balancer together, added up by CloudWatch."""
    parts = [
        replace(
            line,
            key=f"{line.key}_g{number}",
            label=f"{line.label} {group.split('/')[1]}",
            dimensions={"TargetGroup": group, "LoadBalancer": balancer},
            visible=False,
        )
        for number, group in enumerate(sorted(groups))
    ]
    if len(parts) == 1:
        return [replace(parts[0], key=line.key, label=line.label, visible=line.visible)]
    total = f"SUM([{', '.join(part.key for part in parts)}])"
    return [*parts, replace(line, expression=total, dimensions={}, namespace="", metric=line.metric)]
