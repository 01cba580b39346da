"""EC2's security groups and managed prefix lists: who may come in by which ports, and what says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from remote.aws.session import Patience, ask, ask_all, tell
from remote.errors import NotFound


@dataclass(frozen=True, slots=True)
class Rule:
    """One inbound rule of TCP or another protocol. One of `cidr`, `prefix_list` and `group` is set."""

    id: str
    protocol: str
    first: int
    last: int
    cidr: str
    prefix_list: str
    group: str
    description: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule that is to be."""

    first: int
    last: int
    cidr: str
    description: str


@dataclass(frozen=True, slots=True)
class PrefixList:
    id: str
    name: str
    version: int
    state: str
    max_entries: int
    entries: tuple[tuple[str, str], ...]  # cidr, description


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    name: str
    about: str


def open_to_all(*, patience: Patience | None = None) -> list[Group]:
    """The groups with a rule for the whole internet."""
    filters = [{"Name": "ip-permission.cidr", "Values": ["0.0.0.0/0"]}]
    found = ask_all("ec2", "describe_security_groups", "SecurityGroups", patience=patience, Filters=filters)
    return [Group(each["GroupId"], each["GroupName"], each.get("Description", "")) for each in found]


def group_id(name: str, *, patience: Patience | None = None) -> str:
    """Raises NotFound."""
    found = ask("ec2", "describe_security_groups", patience=patience, Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"]
    if not found:
        raise NotFound(f"EC2 has no security group named {name}", "Check the name in estate.yaml.")
    return str(found[0]["GroupId"])


def inbound(group: str, *, patience: Patience | None = None) -> list[Rule]:
    rules = ask_all(
        "ec2", "describe_security_group_rules", "SecurityGroupRules", patience=patience, Filters=[{"Name": "group-id", "Values": [group]}]
    )
    return [_rule(raw) for raw in rules if not raw["IsEgress"]]


def allow(group: str, wanted: Iterable[Wanted]) -> list[str]:
    """The new rules' ids. Raises AlreadyExists where one of them is there, and Refused at the quota."""
    permissions = [
        {"IpProtocol": "tcp", "FromPort": each.first, "ToPort": each.last, **_source(each.cidr, each.description)} for each in wanted
    ]
    answer = tell("ec2", "authorize_security_group_ingress", GroupId=group, IpPermissions=permissions)
    return [str(rule["SecurityGroupRuleId"]) for rule in answer.get("SecurityGroupRules", ())]


def revoke(group: str, rule_ids: Sequence[str]) -> None:
    """Raises NotFound where one of them has gone."""
    tell("ec2", "revoke_security_group_ingress", GroupId=group, SecurityGroupRuleIds=list(rule_ids))


def prefix_list(name: str) -> PrefixList:
    """Raises NotFound."""
    found = ask("ec2", "describe_managed_prefix_lists", Filters=[{"Name": "prefix-list-name", "Values": [name]}])["PrefixLists"]
    mine = [each for each in found if each["PrefixListName"] == name]
    if not mine:
        raise NotFound(f"EC2 has no managed prefix list named {name}", "Let Terraform make it, or check the name in estate.yaml.")
    one = mine[0]
    entries = ask("ec2", "get_managed_prefix_list_entries", PrefixListId=one["PrefixListId"])["Entries"]
    return PrefixList(
        one["PrefixListId"],
        name,
        int(one.get("Version", 1)),
        one.get("State", ""),
        int(one.get("MaxEntries", 0)),
        tuple((each["Cidr"], each.get("Description", "")) for each in entries),
    )


def change_entries(found: PrefixList, *, add: Iterable[tuple[str, str]] = (), remove: Iterable[str] = ()) -> None:
    """Of the version that was read: AWS refuses it where somebody else changed the list meanwhile."""
    tell(
        "ec2",
        "modify_managed_prefix_list",
        PrefixListId=found.id,
        PrefixListName=found.name,
        CurrentVersion=found.version,
        AddEntries=[{"Cidr": cidr, "Description": said} for cidr, said in add],
        RemoveEntries=[{"Cidr": cidr} for cidr in remove],
    )


def _source(cidr: str, description: str) -> dict[str, Any]:
    if ":" in cidr:
        return {"Ipv6Ranges": [{"CidrIpv6": cidr, "Description": description}]}
    return {"IpRanges": [{"CidrIp": cidr, "Description": description}]}


def _rule(raw: dict[str, Any]) -> Rule:
    return Rule(
        id=raw["SecurityGroupRuleId"],
        protocol=str(raw.get("IpProtocol", "")),
        first=int(raw.get("FromPort", -1)),
        last=int(raw.get("ToPort", -1)),
        cidr=raw.get("CidrIpv4") or raw.get("CidrIpv6") or "",
        prefix_list=raw.get("PrefixListId", ""),
        group=(raw.get("ReferencedGroupInfo") or {}).get("GroupId", ""),
        description=raw.get("Description", ""),
    )
