"""The estate drawn from what was observed: zones, subnets, hosts, what stands before them, what they rest on. Values; the template draws.

One query, whatever there is: it brings no more than is drawn, and how many there are. A subnet's box grows with its hosts; what has gone is
not drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, Window
from django.db.models.expressions import BaseExpression
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import RowNumber

from estate.models import Resource
from handover.checks.seen import counted
from handover.estate_rows import card_of

KINDS = (
    "vpc", "subnet", "route-table", "internet-gateway", "nat-gateway", "ipsec-link",
    "load-balancer", "distribution", "instance", "database", "cache",
)  # fmt: skip
_WIDTH, _ROW, _GAP, _HEAD, _PAD = 270, 34, 16, 30, 10
_MOST = 14  # drawn in one box; the rest are counted
_FRAME = ("vpc", "subnet", "route-table", "internet-gateway")  # the drawing is made of all of them


class Thing(NamedTuple):
    """`many`: of its kind, in its subnet."""

    kind: str
    key: str
    name: str
    facts: dict[str, Any]
    many: int


@dataclass(frozen=True, slots=True)
class Node:
    """`light` is the state that was observed: ok, warn, bad or unknown."""

    url: str
    label: str
    sub: str
    light: str
    x: int
    y: int
    width: int = _WIDTH - 2 * _PAD
    height: int = _ROW - 6


@dataclass(frozen=True, slots=True)
class Box:
    title: str
    x: int
    y: int
    width: int
    height: int
    nodes: tuple[Node, ...] = ()
    more: int = 0  # hosts that are not drawn

    @property
    def more_y(self) -> int:
        return self.y + self.height - 8


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    boxes: tuple[Box, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        return not any(box.nodes for box in self.boxes)


def draw() -> Drawing:
    alike: list[BaseExpression | F | str] = ["kind", KeyTextTransform("subnet", "facts")]
    drawn = (
        Resource.objects.filter(kind__in=KINDS, gone=None)
        .annotate(many=Window(Count("pk"), partition_by=alike), place=Window(RowNumber(), partition_by=alike, order_by=["name", "key"]))
        .filter(Q(place__lte=_MOST) | Q(kind__in=_FRAME))
        .order_by("kind", "name", "key")
    )
    found = map(Thing._make, drawn.values_list(*Thing._fields))
    return _drawn(dict.fromkeys(KINDS, ()) | {kind: tuple(rows) for kind, rows in groupby(found, key=lambda each: each.kind)})


def _drawn(of: Mapping[str, Sequence[Thing]]) -> Drawing:
    own = {row.key for row in of["vpc"] if not row.facts.get("default")}
    subnets = [row for row in of["subnet"] if row.facts.get("vpc") in own]
    public = {
        subnet for table in of["route-table"] if str(table.facts.get("default", "")).startswith("igw-") for subnet in table.facts["subnets"]
    }
    zones = sorted({str(row.facts["zone"]) for row in subnets})
    boxes: list[Box] = []
    left = _WIDTH + _GAP
    top = _row_of_boxes(
        boxes,
        [
            ("CDN", of["distribution"]),
            ("Load balancers", of["load-balancer"]),
            ("Internet gateway", _attached(of["internet-gateway"], own)),
        ],
        left,
        _GAP,
    )
    for is_public in (True, False):
        bottoms = [top]
        for column, zone in enumerate(zones):
            mine = [row for row in subnets if row.facts["zone"] == zone and (row.key in public) == is_public]
            y = top
            for subnet in mine:
                inside = [row for row in of["instance"] if row.facts.get("subnet") == subnet.key]
                inside += [row for row in of["nat-gateway"] if row.facts.get("subnet") == subnet.key]
                kind = "public" if is_public else "private"
                box = _box(f"{zone} · {kind} {subnet.facts['cidr']}", inside, left + column * (_WIDTH + _GAP), y)
                boxes.append(box)
                y = box.y + box.height + _GAP
            bottoms.append(y)
        top = max(bottoms)
    bottom = _row_of_boxes(boxes, [("Databases", of["database"]), ("Caches", of["cache"])], left, top)
    links = _box("IPSec links to the client", of["ipsec-link"], 0, _GAP)
    boxes.append(links)
    width = max((box.x + box.width for box in boxes), default=_WIDTH)
    return Drawing(width + _GAP, max(bottom, links.y + links.height + _GAP), tuple(box for box in boxes if box.nodes or "·" in box.title))


def _attached(gateways: Iterable[Thing], own: set[str]) -> list[Thing]:
    mine = [row for row in gateways if own & set(row.facts.get("vpcs", ()))]
    return [row._replace(many=len(mine)) for row in mine]


def _row_of_boxes(boxes: list[Box], wanted: Sequence[tuple[str, Sequence[Thing]]], x: int, y: int) -> int:
    """Side by side; returns where the next row begins."""
    bottom = y
    for column, (title, rows) in enumerate(wanted):
        box = _box(title, rows, x + column * (_WIDTH + _GAP), y)
        boxes.append(box)
        bottom = max(bottom, box.y + box.height + _GAP)
    return bottom


def _box(title: str, rows: Sequence[Thing], x: int, y: int) -> Box:
    shown = rows[:_MOST]
    nodes = tuple(
        Node(card_of(row.kind)(row.key), (row.name or row.key)[:30], _sub(row)[:38], _light(row), x + _PAD, y + _HEAD + number * _ROW)
        for number, row in enumerate(shown)
    )
    more = sum({row.kind: row.many for row in rows}.values()) - len(shown)
    height = _HEAD + max(len(shown), 1) * _ROW + (_ROW // 2 if more else 0)
    return Box(title, x, y, _WIDTH, height, nodes, more)


def _sub(row: Thing) -> str:
    """What is not as it should be comes first, in words: a colour says it to some."""
    fact, good = _GOOD.get(row.kind, ("", None))
    state = str(row.facts.get(fact, "")) or "state unknown"
    return _about(row) if good is None or state == good else f"{state} · {_about(row)}"


def _about(row: Thing) -> str:
    facts = row.facts
    match row.kind:
        case "instance":
            return f"{facts.get('private_ip', '')} {facts.get('type', '')}"
        case "database":
            return f"{facts.get('class', '')}{', Multi-AZ' if facts.get('multi_az') else ''}"
        case "cache":
            return f"{counted('node', facts.get('nodes', 0))}, failover {facts.get('failover', '')}"
        case "ipsec-link":
            up = sum(tunnel["status"] == "UP" for tunnel in facts.get("tunnels", ()))
            return f"{up} of {len(facts.get('tunnels', ()))} tunnels up"
        case "distribution":
            return str(facts.get("status", ""))
        case "load-balancer":
            ports = facts.get("ports", ())
            return f"{facts.get('type', '')}, port{'' if len(ports) == 1 else 's'} {', '.join(map(str, ports))}"
    return row.key


_GOOD = {
    "instance": ("state", "running"),
    "database": ("status", "available"),
    "cache": ("status", "available"),
    "nat-gateway": ("state", "available"),
}


def _light(row: Thing) -> str:
    if row.kind == "ipsec-link":
        statuses = {tunnel["status"] for tunnel in row.facts.get("tunnels", ())}
        return "ok" if statuses == {"UP"} else "warn" if "UP" in statuses else "bad" if statuses else "unknown"
    if row.kind in _GOOD:
        fact, good = _GOOD[row.kind]
        return "ok" if row.facts.get(fact) == good else "warn"
    return "ok"
