"""The inventory as pages show it: which kinds belong together, and which facts of a kind stand in its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.http import RFC3986_SUBDELIMS

from estate import inventory
from estate.models import Resource, Watched
from handover.security_rules import lets_in

SHOWN = 100  # of a kind on the page of all; twice as many where it is asked for alone
_CELL, _KEY = 90, 60  # letters of a cell, and of an id below a name


@dataclass(frozen=True, slots=True)
class Kind:
    """`columns`: title and fact."""

    key: str
    title: str
    group: str
    columns: tuple[tuple[str, str], ...]


KINDS: Mapping[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind(
            "instance",
            "Hosts",
            "Hosts",
            (("Address", "private_ip"), ("Type", "type"), ("Zone", "zone"), ("State", "state"), ("Beanstalk", "beanstalk")),
        ),
        Kind("host", "What hosts say", "Hosts", (("Mounted", "mounts"), ("There", "there"))),
        Kind("host-silent", "Hosts that cannot be asked", "Hosts", (("Why", "unknown"),)),
        Kind("image", "Images", "Hosts", (("Built", "created"), ("State", "state"))),
        Kind("volume", "Volumes", "Hosts", (("GiB", "gib"), ("Device", "device"), ("Host", "instance"), ("Encrypted", "encrypted"))),
        Kind("volume-snapshot", "Snapshots of volumes", "Hosts", (("Taken", "taken"), ("Volume", "volume"), ("State", "state"))),
        Kind("elastic-ip", "Elastic IPs", "Hosts", (("Address", "address"), ("Host", "instance"))),
        Kind(
            "database",
            "Databases",
            "Data",
            (
                ("Class", "class"),
                ("Multi-AZ", "multi_az"),
                ("Retention, days", "retention_days"),
                ("Public", "public"),
                ("State", "status"),
            ),
        ),
        Kind(
            "database-snapshot",
            "Snapshots of databases",
            "Data",
            (("Taken", "taken"), ("Database", "database"), ("Automated", "automated")),
        ),
        Kind("cache", "Caches", "Data", (("Node", "node_type"), ("Nodes", "nodes"), ("Failover", "failover"), ("State", "status"))),
        Kind(
            "bucket",
            "Buckets",
            "Data",
            (("Public", "public"), ("Versioned", "versioned"), ("Objects", "objects"), ("Oldest", "oldest"), ("Newest", "newest")),
        ),
        Kind(
            "distribution", "CDN", "Delivery", (("State", "status"), ("Viewers", "viewer"), ("Aliases", "aliases"), ("Origin", "origins"))
        ),
        Kind("certificate", "Certificates", "Delivery", (("Ends", "ends"), ("Region", "region"), ("Kind", "type"), ("Used by", "used_by"))),
        Kind("load-balancer", "Load balancers", "Delivery", (("Kind", "type"), ("Ports", "ports"), ("Scheme", "scheme"))),
        Kind(
            "target-group",
            "Target groups",
            "Delivery",
            (("Health check", "health_path"), ("Targets", "targets"), ("Drain, s", "drain_seconds")),
        ),
        Kind("zone", "DNS zones", "Names", (("Private", "private"),)),
        Kind("record", "DNS records", "Names", (("Kind", "type"), ("Value", "values"), ("Alias of", "alias"))),
        Kind("domain", "Domains", "Names", (("Ends", "ends"), ("Renews itself", "auto_renew"))),
        Kind("vpc", "VPCs", "Network", (("Range", "cidr"), ("Default", "default"))),
        Kind("subnet", "Subnets", "Network", (("Range", "cidr"), ("Zone", "zone"), ("Free addresses", "free"))),
        Kind("internet-gateway", "Internet gateways", "Network", (("VPCs", "vpcs"),)),
        Kind("nat-gateway", "NAT gateways", "Network", (("Subnet", "subnet"), ("State", "state"))),
        Kind("route-table", "Routes", "Network", (("Way out", "default"), ("Subnets", "subnets"))),
        Kind("security-group", "Security groups", "Network", (("Lets in", "in"),)),
        Kind("ipsec-link", "IPSec links", "Network", (("Tunnels", "tunnels"), ("State", "state"))),
        Kind(
            "beanstalk",
            "Beanstalk",
            "Services",
            (("Version", "version"), ("Policy", "policy"), ("Batch", "batch_size"), ("Health", "health")),
        ),
        Kind("answer", "Addresses", "Services", (("Answers", "status"),)),
        Kind("branch", "Branches", "Services", (("Commit", "sha"), ("Folders", "folders"))),
        Kind("alarm", "Alarms", "Services", (("Metric", "metric"), ("Threshold", "threshold"), ("Period, s", "period"))),
        Kind("widget", "Widgets", "Services", (("Metrics", "metrics"), ("Dashboard", "dashboard"))),
        Kind(
            "terraform-state",
            "Terraform states",
            "Terraform",
            (("Serial", "serial"), ("Lineage", "lineage"), ("Resources", "resources"), ("Wrong", "unknown")),
        ),
        Kind("terraform", "In Terraform's state", "Terraform", (("Type", "type"), ("Id", "id"))),
    )
}
GROUPS = tuple(dict.fromkeys(kind.group for kind in KINDS.values()))


class Shown(NamedTuple):
    """One line of a table."""

    url: str
    title: str
    key: str  # empty where the title is the key
    cells: tuple[tuple[str, str], ...]  # each below its column's title
    changed: datetime


@dataclass(frozen=True, slots=True)
class Panel:
    """`asked` is the question's own row: when it answered last, and what is wrong since."""

    kind: Kind
    shown: tuple[Shown, ...]
    count: int
    gone: int
    asked: Watched | None

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


def panels(group: str, only: str = "", words: str = "") -> list[Panel]:
    """Of one group; of one kind alone, where that is said.

    A query for the counts, one for each kind that is shown, one for the questions: however many rows there are.
    """
    kinds = [kind for kind in KINDS.values() if kind.group == group and only in ("", kind.key)]
    wanted = Resource.objects.filter(kind__in=[kind.key for kind in kinds])
    if words:
        wanted = wanted.filter(Q(name__icontains=words) | Q(key__icontains=words))
    counts = {
        row["kind"]: row for row in wanted.order_by().values("kind").annotate(here=Count("pk", filter=Q(gone=None)), gone_=Count("gone"))
    }
    asked = asked_by_kind()
    found = []
    for kind in kinds:
        if kind.key not in counts and asked.get(kind.key) is None and words:
            continue
        here = wanted.filter(kind=kind.key, gone=None).order_by("name", "key").values_list("name", "key", "facts", "changed")
        shown = tuple(_shown(kind, here[: SHOWN * (2 if only else 1)])) if kind.key in counts else ()
        count = counts.get(kind.key, {"here": 0, "gone_": 0})
        found.append(Panel(kind, shown, count["here"], count["gone_"], asked.get(kind.key)))
    return [panel for panel in found if panel.count or panel.gone or panel.kind.key not in ("host-silent",)]


def _shown(kind: Kind, rows: Iterable[tuple[str, str, dict[str, Any], datetime]]) -> Iterator[Shown]:
    """Hundreds of lines on a page: their texts are made here, and a template only writes them."""
    card = card_of(kind.key)
    for name, key, facts, changed in rows:
        cells = tuple((title, _cut(said(facts.get(fact)), _CELL)) for title, fact in kind.columns)
        yield Shown(card(key), name or key, _cut(key, _KEY) if name and name != key else "", cells, changed)


@cache
def card_of(kind: str) -> Callable[[str], str]:
    """Where the card of a thing of this kind is, by its key: as `reverse` would say, which takes its time for each of hundreds."""
    before, _, after = reverse("handover:resource", args=(kind, "KEY")).partition("KEY")
    return lambda key: f"{before}{quote(key, safe=RFC3986_SUBDELIMS + '/~:@')}{after}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


_WRITTEN = {"ip": "IP", "vpc": "VPC", "az": "AZ", "gib": "GiB", "tls": "TLS", "sha256": "SHA-256", "id": "id"}


def facts(row: Resource) -> list[tuple[str, str]]:
    return [(_named(key), said(value, most=40)) for key, value in row.facts.items()]


def _named(key: str) -> str:
    words = " ".join(_WRITTEN.get(word, word) for word in key.split("_"))
    return words[:1].upper() + words[1:]


def said(value: Any, *, most: int = 3) -> str:
    """One fact as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, dict):
        value = [f"{key}: {said(each)}" for key, each in value.items()]
    if isinstance(value, list):
        more = f" and {len(value) - most} more" if len(value) > most else ""
        return ", ".join(_one(each) for each in value[:most]) + more
    return _time(str(value))


def _one(value: Any) -> str:
    if isinstance(value, dict) and {"ports", "from"} <= set(value):
        return f"{lets_in(value)}{f' ({about})' if (about := value.get('about')) else ''}"
    if isinstance(value, dict):
        return " ".join(said(each) for each in value.values() if each not in ("", None, []))
    return str(value)


def _time(text: str) -> str:
    """A time as a day and a minute of UTC."""
    if len(text) < 19 or text[4:5] != "-" or text[10:11] != "T":
        return text
    try:
        return f"{datetime.fromisoformat(text):%d %b %Y %H:%M} UTC"
    except ValueError:
        return text


def of_evidence(evidence: Iterable[str]) -> list[Resource]:
    """The things that an observation names, by id or by name."""
    named = list(evidence)[:20]
    if not named:
        return []
    return list(Resource.objects.filter(Q(key__in=named) | Q(name__in=named), gone=None).exclude(kind__in=("terraform", "widget"))[:20])


def asked_by_kind() -> dict[str, Watched]:
    asked = inventory.asked()
    return {kind: asked[source.name] for source in inventory.sources() if source.name in asked for kind in source.kinds}
