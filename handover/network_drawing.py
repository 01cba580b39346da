"""The network as a drawing: zones side by side, public subnets above private ones, what leads out of them at their left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from handover.relations import Id, Relation, Thing, Things
from handover.shapes import GAP, HEAD, NODE, Box, Head, Line, Place, box, id_of

_ZONE, _LEFT, _ALLEY = 269, 230, 40


class Ground:
    def __init__(self, things: Things, found: Sequence[Relation], *, top: int) -> None:
        self.heads: list[Head] = []
        self.boxes: list[Box] = []
        self.lines: list[Line] = []
        self._starts: dict[Id, Place] = {}
        self._ends: dict[Id, Place] = {}
        self.bottom = top
        self.width = _LEFT
        own = {row.key for row in things["vpc"] if not row.facts.get("default")}
        subnets = [row for row in things["subnet"] if row.facts.get("vpc") in own]
        public = {each.target[1] for each in found if each.source[0] == "internet-gateway"}
        zones = sorted({str(row.facts["zone"]) for row in subnets})
        if not subnets and not things["ipsec-link"]:
            return
        self.heads.append(Head("Network", 0, top + 19))
        y = top + HEAD
        mine = [row for row in things["internet-gateway"] if own & set(row.facts.get("vpcs", ()))]
        gateways = [row._replace(many=len(mine)) for row in mine]
        for is_public in (True, False):
            title, rows = ("Internet gateway", gateways) if is_public else ("IPSec links to the client", things["ipsec-link"])
            y += _ALLEY
            bottoms = [self._left(title, rows, y)]
            for column, zone in enumerate(zones):
                here = [row for row in subnets if row.facts["zone"] == zone and (row.key in public) == is_public]
                bottoms.append(self._zone(things, here, column, y, "public" if is_public else "private"))
            buses = self._routed(found, y - _ALLEY // 2)
            y = max(bottoms)
            self.lines += buses
        self.bottom = y + GAP

    def _left(self, title: str, rows: Sequence[Thing], y: int) -> int:
        if not rows:
            return y
        made = box(title, title, rows, 0, y, _LEFT, more=rows[0].many - len(rows))
        self.boxes.append(made)
        for node, row in zip(made.nodes, rows, strict=False):
            self._starts[row.id] = Place(0, node.y, _LEFT, node.y + NODE // 2)
        return y + made.height

    def _zone(self, things: Things, subnets: Iterable[Thing], column: int, y: int, kind: str) -> int:
        x = _LEFT + _ALLEY + column * (_ZONE + _ALLEY)
        for subnet in subnets:
            inside = [row for row in (*things["nat-gateway"], *things["instance"]) if row.facts.get("subnet") == subnet.key]
            made = box(id_of(subnet.id), f"{subnet.facts['zone']} · {kind} {subnet.facts['cidr']}", inside, x, y, _ZONE)
            self.boxes.append(made)
            self._ends[subnet.id] = Place(x, y, _ZONE, y + 15)
            for node, row in zip(made.nodes, inside, strict=False):
                if row.kind == "nat-gateway":
                    self._starts[row.id] = Place(x, node.y, _ZONE, node.y + NODE // 2)
            self.width = max(self.width, x + _ZONE + _ALLEY)
            y += made.height + GAP
        return y

    def _routed(self, found: Sequence[Relation], bus: int) -> list[Line]:
        """Along the alley above a row of subnets, and into each from its left. What leads to the same subnets takes one way together."""
        lines: list[Line] = []
        to: dict[Id, dict[Id, Relation]] = defaultdict(dict)
        for each in found:
            if each.source in self._starts and each.target in self._ends:
                to[each.source][each.target] = each
        together: dict[tuple[str, tuple[Id, ...]], list[Id]] = defaultdict(list)
        for source, led in to.items():
            together[source[0], tuple(led)].append(source)
        for number, ((_, targets), sources) in enumerate(together.items()):
            for target in targets:
                end = self._ends[target]
                height, turn = bus - 6 + 6 * (number % 3), end.x - 22 + 5 * (number % 3)
                for start in (self._starts[each] for each in sources):
                    out = start.x + start.width + 8 + 4 * (number % 2)
                    across = f"V{height}H{turn}" if end.x - out > _ALLEY or end.x < out else f"H{turn}"
                    path = f"M{start.x + start.width} {start.middle}H{out}{across}V{end.middle}H{end.x - 6}"
                    said = to[sources[0]][target].said
                    lines.append(Line(path, " ".join(map(id_of, sources)), id_of(target), said, "ok", False))
        self._ends.clear()
        return lines
