"""The estate drawn from what was observed: the way from a visitor to the data, and the network with its hosts. Values; the template draws.

Three queries, whatever there is: of each kind no more is read than is drawn, and how many there are; hosts alone are all read. What has
gone is not drawn, and no line leads to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, starmap
from typing import NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Window
from django.db.models.functions import RowNumber

from estate import inventory
from estate.models import Host, Resource, TargetGroup, Watched
from handover import relations
from handover.estate_rows import KINDS as ESTATE_KINDS
from handover.network_drawing import Ground
from handover.relations import HOSTS, Relation, Thing, Things, called
from handover.shapes import MOST, Box, Head, Line, Node
from handover.traffic_drawing import Traffic

_FRAME = ("vpc", "subnet", "route-table", "internet-gateway", "security-group", "host", "record")  # lines are made of all of them
KINDS = (*_FRAME, "nat-gateway", "ipsec-link", "load-balancer", "target-group", "distribution", "instance", "database", "cache")


class Words(NamedTuple):
    """Relations of one thing as a person reads them: which are said alike stand together."""

    source: str
    targets: tuple[str, ...]
    said: str
    light: str


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    heads: tuple[Head, ...]
    boxes: tuple[Box, ...]
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    words: tuple[tuple[str, tuple[Words, ...]], ...]  # below what leads to what

    @property
    def is_empty(self) -> bool:
        return not self.nodes and not any(box.nodes for box in self.boxes)


def draw() -> Drawing:
    return drawn(_observed())


def drawn(things: Things) -> Drawing:
    groups = relations.groups_of_hosts(things)
    traffic, network = relations.of_traffic(things, groups), relations.of_network(things)
    flow = Traffic(things, groups, traffic)
    ground = Ground(things, network, top=flow.bottom)
    return Drawing(
        max(flow.width, ground.width),
        ground.bottom,
        (*flow.heads, *ground.heads),
        (*flow.boxes, *ground.boxes),
        tuple(flow.nodes),
        (*flow.lines, *ground.lines),
        _in_words((*traffic, *network), things, groups),
    )


def _in_words(
    found: Iterable[Relation], things: Things, groups: Mapping[str, Sequence[Thing]]
) -> tuple[tuple[str, tuple[Words, ...]], ...]:
    names = {each.id: each.called for rows in things.values() for each in rows}
    names |= {(HOSTS, name): called(name, hosts) for name, hosts in groups.items()}
    below: dict[str, dict[tuple[str, str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for each in found:
        heading = f"{_PLURAL[each.source[0]]} → {_PLURAL[each.target[0]].lower()}"
        target = names.get(each.target, "in another zone" if each.target[0] == "standby" else each.target[1])
        below[heading][names.get(each.source, each.source[1]), each.said, each.light].append(target)
    return tuple(
        (heading, tuple(Words(source, tuple(targets), said, light) for (source, said, light), targets in rows.items()))
        for heading, rows in below.items()
    )


_PLURAL = {kind.key: kind.title for kind in ESTATE_KINDS.values()} | {
    HOSTS: "Hosts", "instance": "File servers", "standby": "Standbys", "replica": "Replicas", "distribution": "Content delivery",
    "ipsec-link": "IPSec links",
}  # fmt: skip


def _observed() -> Things:
    here = Resource.objects.filter(kind__in=KINDS, gone=None).order_by("kind", "name", "key")
    fields = ("kind", "key", "name", "facts")
    drawn = (
        here.exclude(kind="instance")
        .annotate(
            many=Window(Count("pk"), partition_by="kind"), place=Window(RowNumber(), partition_by=F("kind"), order_by=["name", "key"])
        )
        .filter(Q(place__lte=MOST) | Q(kind__in=_FRAME))
    )
    found = [*starmap(Thing, drawn.values_list(*fields, "many")), *starmap(Thing, here.filter(kind="instance").values_list(*fields))]
    things = {kind: tuple(rows) for kind, rows in groupby(found, key=lambda each: each.kind)}
    return dict.fromkeys(KINDS, ()) | things | {"target-group": tuple(map(_as_hosts_are(), things.get("target-group", ())))}


def _as_hosts_are() -> Callable[[Thing], Thing]:
    """What the only target group of a release's hosts said of them is asked far oftener than the groups themselves; of several it is not
    known which one said it.
    """
    read = Watched.objects.filter(name=inventory.watched_name(inventory.source("target groups")))
    mine = TargetGroup.objects.filter(beanstalk=OuterRef("beanstalk"))
    alone = mine.values("beanstalk").annotate(many=Count("pk")).filter(many=1)
    newer = Host.objects.filter(gone=None, target_seen__gt=Subquery(read.values("answered"))).exclude(target_state="")
    told = newer.filter(Exists(alone)).values_list("instance_id", "target_state", Subquery(mine.values("name")[:1]))
    states = {(group, host): state for host, state, group in told}

    def as_told(group: Thing) -> Thing:
        targets = {host: states.get((group.key, host), state) for host, state in group.facts.get("targets", {}).items()}
        return group._replace(facts={**group.facts, "targets": targets})

    return as_told
