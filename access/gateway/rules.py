"""What an entry of the allow-list is in AWS: rules of the security group, or an entry of a prefix list; and what differs. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from access.models import AllowedAddress
from estate.ways_in import NamedPorts
from remote.aws.security_groups import Rule, Wanted

QUOTA = 60  # inbound rules of a group, for IPv4 and IPv6 each, by default
LONGEST = 255  # characters of a description
_NOT_AWS = re.compile(r"[^a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]")
_MARK = re.compile(r"^(oc-[0-9]+)\b")
State = AllowedAddress.State


@dataclass(frozen=True, slots=True)
class Comparison:
    """`missing`: entries with rules that AWS lacks. `unknown`: rules that no entry explains."""

    missing: tuple[AllowedAddress, ...]
    unknown: tuple[Rule, ...]


def wanted(entry: AllowedAddress, services: Mapping[str, NamedPorts]) -> list[Wanted]:
    """One rule for each range: AWS counts them."""
    said = description(entry)
    return [Wanted(first, last, entry.cidr, said) for key in entry.services if key in services for first, last in services[key].ports]


def description(entry: AllowedAddress) -> str:
    """Its number, its owner and its end, in AWS's alphabet: no accents."""
    plain = unicodedata.normalize("NFKD", entry.owner).encode("ascii", "ignore").decode()
    owner = _NOT_AWS.sub("", plain).strip() or "unnamed"
    return f"{entry.mark} {owner} until {entry.until:%Y-%m-%dT%H:%MZ}"[:LONGEST]


def mark_of(text: str) -> str:
    found = _MARK.match(text)
    return found[1] if found else ""


def lacking(needed: Iterable[Wanted], rules: Sequence[Rule]) -> list[Wanted]:
    there = {(rule.first, rule.last, rule.cidr) for rule in rules if rule.protocol == "tcp"}
    return [each for each in needed if (each.first, each.last, each.cidr) not in there]


def compare(entries: Sequence[AllowedAddress], rules: Sequence[Rule], services: Mapping[str, NamedPorts]) -> Comparison:
    """Of the entries that are to be there. A rule is explained by an entry with its address and ports; a mark anybody can write."""
    open_ = [entry for entry in entries if entry.state in (State.ADDING, State.ALLOWED, State.REMOVING)]
    explained = {("tcp", each.first, each.last, each.cidr) for entry in open_ for each in wanted(entry, services)}
    unknown = [rule for rule in rules if rule.cidr and (rule.protocol, rule.first, rule.last, rule.cidr) not in explained]
    missing = [entry for entry in open_ if entry.state == State.ALLOWED and lacking(wanted(entry, services), rules)]
    return Comparison(tuple(missing), tuple(unknown))


def services_of(rule: Rule, services: Mapping[str, NamedPorts]) -> str:
    """What a rule is for, by the gateway's own names; its ports where it is for none of them."""
    names = [each.name for each in services.values() if (rule.first, rule.last) in each.ports]
    ports = str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
    return f"{', '.join(names)} ({ports})" if names else ports


def counted(rules: Sequence[Rule]) -> dict[str, int]:
    """AWS counts IPv4 and IPv6 apart."""
    six = sum(":" in rule.cidr for rule in rules)
    return {"IPv4": len(rules) - six, "IPv6": six}
