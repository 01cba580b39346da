"""The way from a visitor to the data as a drawing: a column for each step, each thing as high as what it leads to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from handover.relations import HOSTS, Id, Relation, Thing, Things, called, related
from handover.shapes import GAP, HEAD, MOST, NODE, PAD, ROW, Box, Head, Line, Node, Place, about, height_of, id_of, node

_SHORT = 6  # hosts of a group
_COLUMN, _GUTTER = 190, 52
_COLUMNS = ("Content delivery", "Load balancers", "Target groups", "Hosts", "Data")


class Traffic:
    def __init__(self, things: Things, groups: Mapping[str, Sequence[Thing]], found: Sequence[Relation]) -> None:
        self.boxes: list[Box] = []
        self.nodes: list[Node] = []
        self.width, self.bottom = 5 * _COLUMN + 4 * _GUTTER, 0
        self._places: dict[Id, Place] = {}
        self._more: dict[int, int] = {}  # by column: so many are not drawn
        self._leads: dict[Id, list[Id]] = defaultdict(list)
        for each in found:
            self._leads[each.source].append(each.target)
        self._hosts(things, groups, related(found))
        self._data(things, found)
        for number, kind in ((2, "target-group"), (1, "load-balancer"), (0, "distribution")):
            self._column(number, things[kind])
        self.lines = [line for each in found if (line := self._line(each))]
        columns = enumerate(_COLUMNS) if self._places else ()
        self.heads = [Head(title, _left(number), 19, self._more.get(number, 0)) for number, title in columns]
        self.bottom += 2 * GAP if self._places else 0

    def _hosts(self, things: Things, groups: Mapping[str, Sequence[Thing]], known: set[Id]) -> None:
        """Those that something leads to or that lead to something, next to others with the same data."""
        mine = sorted((name for name in groups if (HOSTS, name) in known), key=lambda name: (sorted(self._leads[HOSTS, name]), name))
        states = {host: state for each in things["target-group"] for host, state in each.facts.get("targets", {}).items()}
        self._more[3] = max(len(mine) - MOST, 0)
        x, y = _left(3), HEAD
        for name in mine[:MOST]:
            hosts = groups[name]
            nodes = tuple(
                node(host, x + PAD, y + HEAD + number * ROW, _COLUMN - 2 * PAD, sub=_with_state(host, states))
                for number, host in enumerate(hosts[:_SHORT])
            )
            more = len(hosts) - len(nodes)
            height = height_of(len(nodes), more)
            self.boxes.append(Box(id_of((HOSTS, name)), called(name, hosts)[:26], x, y, _COLUMN, height, nodes, more))
            self._places[HOSTS, name] = Place(x, y, _COLUMN, y + height // 2)
            y += height + GAP
            self.bottom = max(self.bottom, y)

    def _data(self, things: Things, found: Sequence[Relation]) -> None:
        """Databases, caches and file servers, each with its copies below it."""
        copies: dict[Id, list[Relation]] = defaultdict(list)
        users: dict[Id, list[int]] = defaultdict(list)
        for each in found:
            if each.source[0] in ("database", "cache"):
                copies[each.source].append(each)
            elif each.source in self._places:
                users[each.target].append(self._places[each.source].middle)
        copied = {each.target for rows in copies.values() for each in rows}
        stored = [row for kind in ("database", "cache") for row in things[kind]]
        known = {row.id: row for row in stored}
        self._more[4] = sum({row.kind: row.many for row in stored}.values()) - len(stored)
        first = [row for row in (*stored, *things["instance"]) if row.id not in copied and (row.id in known or row.id in users)]
        x, y = _left(4), HEAD
        for row in sorted(first, key=lambda one: (_mean(users[one.id]), one.id)):
            y = max(y, _mean(users[row.id]) - ROW)
            self._put(node(row, x, y, _COLUMN, sub=f"file server, {about(row)}" if row.kind == "instance" else ""), row.id)
            for copy in copies[row.id]:
                y += ROW
                label = f"standby in {row.facts.get('standby') or 'another zone'}" if copy.target[0] == "standby" else copy.target[1]
                thing = known.get(copy.target, row)
                self._put(node(thing, x + 24, y, _COLUMN - 24, label=label, sub=copy.said, of=copy.target), copy.target)
            y += ROW + GAP

    def _column(self, number: int, rows: Sequence[Thing]) -> None:
        self._more[number] = rows[0].many - len(rows) if rows else 0
        aims = {row.id: _mean([self._places[to].middle for to in self._leads[row.id] if to in self._places]) for row in rows}
        y = HEAD
        for row in sorted(rows, key=lambda one: (aims[one.id], one.called)):
            y = max(y, aims[row.id] - NODE // 2)
            self._put(node(row, _left(number), y, _COLUMN), row.id)
            y += ROW + 2

    def _put(self, made: Node, of: Id) -> None:
        self.nodes.append(made)
        self._places[of] = Place(made.x, made.y, made.width, made.y + made.height // 2)
        self.bottom = max(self.bottom, made.y + made.height)

    def _line(self, each: Relation) -> Line | None:
        start, end = self._places.get(each.source), self._places.get(each.target)
        if start is None or end is None:
            return None
        if end.x - start.x < _COLUMN:  # a copy, below its source
            path = f"M{start.x + 10} {start.y + NODE}V{end.middle}H{end.x - 6}"
        else:
            here, there = start.x + start.width, end.x - 6
            bend = (here + there) // 2
            path = f"M{here} {start.middle}C{bend} {start.middle} {bend} {end.middle} {there} {end.middle}"
        return Line(path, id_of(each.source), id_of(each.target), each.said, each.light, each.may)


def _left(column: int) -> int:
    return column * (_COLUMN + _GUTTER)


def _with_state(host: Thing, states: Mapping[str, str]) -> str:
    return f"{host.facts.get('private_ip', '')} {states.get(host.key, '')}"


def _mean(of: Sequence[int]) -> int:
    return sum(of) // len(of) if of else 0
