"""The checks behind the claims: small functions over what is observed. What each is told stands in `claims.yaml`.

Each answers with whether the sentence holds and with what was seen; what cannot be seen raises NotObserved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from handover.observed import NotObserved, Observed, is_as_wanted
from remote.aws.found import Found

_SHOWN = 6  # things named in one observation


@dataclass(frozen=True, slots=True)
class Seen:
    """`said` is one line for a person; `evidence` names the things that were looked at."""

    agrees: bool
    said: str
    evidence: tuple[str, ...] = field(default=())


Check = Callable[..., Seen]


def there_are(
    observed: Observed, *, kind: str, count: int | None = None, at_least: int = 0, where: Mapping[str, Any] | None = None
) -> Seen:
    """So many of a kind, or at least so many."""
    found = observed.every(kind, **(where or {}))
    right = len(found) == count if count is not None else len(found) >= at_least
    names = [_called(each) for each in found]
    wanted = "" if right else f"; {count if count is not None else f'at least {at_least}'} expected"
    listed = f": {_listed(names)}" if names else ""
    return Seen(right, f"{_counted(kind, len(found))}{listed}{wanted}", tuple(names))


def is_there(
    observed: Observed, *, kind: str, name: str, facts: Mapping[str, Any] | None = None, where: Mapping[str, Any] | None = None
) -> Seen:
    """One thing of that name, with facts as wanted."""
    found = observed.one(kind, name, **(where or {}))
    if found is None:
        return Seen(False, f"There is no {kind.replace('-', ' ')} {name}")
    return _with_facts(found, facts or {})


def all_have(observed: Observed, *, kind: str, facts: Mapping[str, Any], where: Mapping[str, Any] | None = None, count: int = 0) -> Seen:
    """Every one of them has these facts; and there are so many, where that is said."""
    found = observed.every(kind, **(where or {}))
    if not found or (count and len(found) != count):
        return Seen(False, f"{_counted(kind, len(found))}{f'; {count} expected' if count else ''}")
    others = [each for each in found if not all(is_as_wanted(each.facts.get(key), value) for key, value in facts.items())]
    what = ", ".join(f"{key.replace('_', ' ')} {_said(value)}" for key, value in facts.items())
    if others:
        return Seen(False, f"Not {what}: {_listed([_with(each, facts) for each in others])}", tuple(_called(each) for each in others))
    return Seen(True, f"{len(found)} of {len(found)} have {what}", tuple(_called(each) for each in found))


def same_on_all(observed: Observed, *, kind: str, fact: str, where: Mapping[str, Any]) -> Seen:
    """One value on all of them."""
    found = observed.every(kind, **where)
    values = sorted({str(each.facts.get(fact, "")) for each in found})
    said = f"{fact.replace('_', ' ')} of {len(found)}: {_listed(values)}"
    return Seen(len(values) == 1 and values != [""], said, tuple(_called(each) for each in found))


def lets_in_only(observed: Observed, *, kind: str, name: str, groups: Sequence[str]) -> Seen:
    """Its security groups let nobody in but members of these groups."""
    thing = _the(observed, kind, name)
    every = observed.by_id("security-group")
    let_in = sorted({_source(every, rule) for group in thing.facts["groups"] if group in every for rule in every[group].facts["in"]})
    return Seen(let_in == sorted(groups), f"{name} lets in {_listed(let_in) or 'nobody'}", tuple(thing.facts["groups"]))


def lets_nobody_in_from_outside(observed: Observed, *, kind: str, names: Sequence[str], port: int = 0) -> Seen:
    """No rule of its security groups is open to more than the VPC; of one port, where that is said."""
    inside = [str(each.facts["cidr"]) for each in observed.every("vpc")]
    every = observed.by_id("security-group")
    open_: list[str] = []
    for name in names:
        for group in _the(observed, kind, name).facts["groups"]:
            for rule in every[group].facts["in"] if group in every else ():
                low, high = rule["ports"]
                if (not port or low <= port <= high) and "/" in rule["from"] and rule["from"] not in inside:
                    open_.append(f"{name} ports {low}–{high} from {rule['from']}")
    return Seen(not open_, _listed(open_) or f"{_listed(list(names))}: open to nobody outside the VPC", tuple(names))


def is_internal(observed: Observed, *, count: int) -> Seen:
    """No database is publicly accessible."""
    found = observed.every("database")
    public = [each.name for each in found if each.facts["public"]]
    return Seen(
        not public and len(found) == count, f"publicly accessible: {_listed(public)}" if public else f"{len(found)} databases, none public"
    )


def routes(observed: Observed, *, balancer: str, path: str, to: str) -> Seen:
    """Each listener sends this path (empty: everything else) to that target group."""
    found = _the(observed, "load-balancer", balancer)
    rules = [rule for rule in found.facts["rules"] if rule["path"] == path]
    right = [rule for rule in rules if rule["to"] == [to]]
    said = _listed([f"port {rule['port']}: {rule['path'] or 'everything else'} → {_listed(rule['to']) or rule['says']}" for rule in rules])
    return Seen(bool(right) and len(right) == len(found.facts["ports"]), said or f"no rule for {path or 'everything else'}", (balancer,))


def each_private_subnet_has_a_nat(observed: Observed, *, private: Sequence[str]) -> Seen:
    """A NAT gateway of its own, by its route table."""
    tables = observed.every("route-table")
    nats = observed.by_id("nat-gateway")
    ways: dict[str, str] = {}
    for subnet in observed.every("subnet"):
        if any(str(subnet.facts["cidr"]).endswith(end) for end in private):
            ways[str(subnet.facts["cidr"])] = next(
                (str(each.facts["default"]) for each in tables if subnet.id in each.facts["subnets"]), ""
            )
    own = len(set(ways.values())) == len(ways) == len(private) and all(way in nats for way in ways.values())
    return Seen(own, _listed([f"{cidr} → {way or 'no way out'}" for cidr, way in sorted(ways.items())]), tuple(sorted(nats)))


def subnet_is(observed: Observed, *, ends: str, public: bool) -> Seen:
    """There is one of that range; public is one whose way out is the internet gateway, private one whose way out is a NAT."""
    found = [each for each in observed.every("subnet") if str(each.facts["cidr"]).endswith(ends)]
    if len(found) != 1:
        return Seen(False, f"{len(found)} subnets …{ends}")
    way = next((str(each.facts["default"]) for each in observed.every("route-table") if found[0].id in each.facts["subnets"]), "")
    ways = observed.by_id("internet-gateway" if public else "nat-gateway")
    said = (
        "public"
        if way in observed.by_id("internet-gateway")
        else "private, by NAT"
        if way in observed.by_id("nat-gateway")
        else "no way out"
    )
    return Seen(way in ways, f"{found[0].facts['cidr']} in {found[0].facts['zone']}: {said}", (found[0].id,))


def stand_in_first_subnets(observed: Observed, *, names: Sequence[str], subnets: Sequence[str]) -> Seen:
    """The convention for what needs no high availability."""
    first = {each.id for each in observed.every("subnet") if any(str(each.facts["cidr"]).endswith(end) for end in subnets)}
    outside = [name for name in names if _the(observed, "instance", name).facts["subnet"] not in first]
    return Seen(not outside, f"outside: {_listed(outside)}" if outside else f"{len(names)} of {len(names)} stand there", tuple(names))


def all_in_one_vpc(observed: Observed, *, kinds: Sequence[str]) -> Seen:
    own = [each for each in observed.every("vpc") if not each.facts["default"]]
    outside = [_called(each) for kind in kinds for each in observed.every(kind) if own and each.facts.get("vpc") not in ("", own[0].id)]
    right = len(own) == 1 and not outside and str(own[0].facts["cidr"]).endswith(".0.0.0/16")
    return Seen(
        right,
        _listed([f"{each.name or each.id} {each.facts['cidr']}" for each in own]) + (f"; outside: {_listed(outside)}" if outside else ""),
    )


def tunnels_are_up(observed: Observed, *, links: Sequence[str]) -> Seen:
    """Every tunnel of these links."""
    said, right = [], True
    for name in links:
        tunnels = _the(observed, "ipsec-link", name).facts["tunnels"]
        down = [each["address"] for each in tunnels if each["status"] != "UP"]
        right &= bool(tunnels) and not down
        said.append(f"{name}: {len(tunnels) - len(down)} of {len(tunnels)} up")
    return Seen(right, _listed(said), tuple(links))


def resolves_to_host(observed: Observed, *, record: str, host: str) -> Seen:
    """The name's record has the private address of that instance."""
    values = _the(observed, "record", record).facts["values"]
    address = _the(observed, "instance", host).facts["private_ip"]
    return Seen(values == [address], f"{record} → {_listed(values)}; {host} has {address}", (record,))


def points_to(observed: Observed, *, record: str, kind: str, name: str, fact: str) -> Seen:
    """The record is an alias of a load balancer's or a distribution's own name."""
    alias = _the(observed, "record", record).facts["alias"]
    target = _the(observed, kind, name).facts[fact]
    return Seen(alias == target, f"{record} → {alias or 'no alias'}", (record,))


def certificate_is_of_distributions(observed: Observed, *, domain: str, count: int) -> Seen:
    """So many distributions serve a certificate of that domain that is in us-east-1."""
    arns = {each.id for each in observed.every("certificate", domain=domain, region="us-east-1")}
    serving = [each.name for each in observed.every("distribution") if each.facts["certificate"] in arns]
    return Seen(len(serving) == count, f"served by {_listed(serving) or 'none'}; {count} expected", tuple(serving))


def origins_are(observed: Observed, *, balancer: str, paths: Mapping[str, str]) -> Seen:
    """distribution → path: each has that load balancer as its only origin."""
    dns = _the(observed, "load-balancer", balancer).facts["dns"]
    origins = {name: _the(observed, "distribution", name).facts["origins"] for name in paths}
    right = all(origins[name] == [{"domain": dns, "path": path}] for name, path in paths.items())
    return Seen(
        right, _listed([f"{name} ← {each['domain']}{each['path']}" for name, found in origins.items() for each in found]), tuple(paths)
    )


def balancer_serves(observed: Observed, *, balancer: str, domain: str) -> Seen:
    """Its TLS listener has a certificate of that domain."""
    served = _the(observed, "load-balancer", balancer).facts["certificates"]
    own = {each.id for each in observed.every("certificate", domain=domain)}
    return Seen(
        bool(served) and set(served) <= own,
        f"{balancer} serves {_listed([each.rpartition('/')[2] for each in served]) or 'no certificate'}",
        tuple(served),
    )


def certificate_lasts(observed: Observed, *, domain: str, days: int) -> Seen:
    """Imported, in every region where it is, and not near its end."""
    found = observed.every("certificate", domain=domain)
    left = {each.name: -_age(str(each.facts["ends"])).days for each in found}
    right = bool(found) and all(each >= days for each in left.values()) and all(each.facts["type"] == "IMPORTED" for each in found)
    return Seen(
        right,
        _listed([f"{name}: {each} d left" for name, each in left.items()]) or f"no certificate of {domain}",
        tuple(each.id for each in found),
    )


def is_closed_to_the_world(observed: Observed, *, kind: str, names: Sequence[str]) -> Seen:
    """A list of addresses, not everybody: no rule of its security groups lets all of the internet in."""
    every = observed.by_id("security-group")
    sources = [
        rule["from"]
        for name in names
        for group in _the(observed, kind, name).facts["groups"]
        if group in every
        for rule in every[group].facts["in"]
    ]
    open_ = [each for each in sources if each in ("0.0.0.0/0", "::/0")]
    return Seen(
        not open_ and bool(sources),
        f"{len(open_)} rules are open to everybody" if open_ else f"{len(set(sources))} sources are let in",
        tuple(names),
    )


def snapshot_of_each_day(observed: Observed, *, hours: int) -> Seen:
    """Of each database, the newest automated snapshot is no older than that."""
    said, right = [], True
    for database in observed.every("database"):
        taken = [str(each.facts["taken"]) for each in observed.every("database-snapshot", database=database.name, automated=True)]
        age = _age(max(taken)) if taken else None
        right &= age is not None and age <= timedelta(hours=hours)
        said.append(f"{database.name}: {'none' if age is None else f'{age.total_seconds() / 3600:.0f} h old'}")
    return Seen(right and bool(said), _listed(said))


def one_restore_point(observed: Observed) -> Seen:
    """Each database has one automated snapshot: what a retention of one day leaves."""
    counts = {
        each.name: len(observed.every("database-snapshot", database=each.name, automated=True)) for each in observed.every("database")
    }
    days = {each.name: each.facts["retention_days"] for each in observed.every("database")}
    said = _listed([f"{name}: retention {days[name]} d, {count} snapshot" for name, count in counts.items()])
    return Seen(bool(counts) and all(days[name] == 1 and count <= 2 for name, count in counts.items()), said)


def newest_object_is_younger(observed: Observed, *, bucket: str, hours: int) -> Seen:
    newest = str(_the(observed, "bucket", bucket).facts.get("newest", ""))
    age = _age(newest) if newest else None
    right = age is not None and age <= timedelta(hours=hours)
    return Seen(right, f"{bucket}: newest {'none' if age is None else f'{age.total_seconds() / 3600:.0f} h old'}", (bucket,))


def oldest_object_is_younger(observed: Observed, *, bucket: str, days: int) -> Seen:
    facts = _the(observed, "bucket", bucket).facts
    oldest = str(facts.get("oldest", ""))
    age = _age(oldest) if oldest else timedelta(0)
    return Seen(
        age <= timedelta(days=days), f"{bucket}: {facts.get('objects', 0)} objects, oldest {age.days} d old", tuple(facts.get("keys", ()))
    )


def images_are_younger(observed: Observed, *, starting: str, days: int) -> Seen:
    found = observed.every("image", name={"starts": starting})
    ages = {each.name: _age(str(each.facts["created"])).days for each in found}
    return Seen(
        bool(ages) and min(ages.values()) <= days,
        _listed([f"{name}: {age} d old" for name, age in ages.items()]) or f"no image {starting}…",
    )


def data_volumes(observed: Observed, *, host: str, count: int, snapshot_hours: int = 0) -> Seen:
    """So many volumes besides the root one; each with a snapshot no older than that, where it is said."""
    machine = _the(observed, "instance", host)
    found = observed.every("volume", instance=machine.id, root=False)
    said = [f"{each.name or each.id} {each.facts['gib']} GiB at {each.facts['device']}" for each in found]
    right = len(found) == count
    if snapshot_hours:
        for each in found:
            taken = [str(one.facts["taken"]) for one in observed.every("volume-snapshot", volume=each.id)]
            right &= bool(taken) and _age(max(taken)) <= timedelta(hours=snapshot_hours)
            said.append(f"snapshot {_age(max(taken)).total_seconds() / 3600:.0f} h old" if taken else "no snapshot")
    return Seen(right, f"{host}: {_listed(said) or 'no data volume'}", tuple(each.id for each in found))


def in_terraform(observed: Observed, *, names: Sequence[str]) -> Seen:
    """Terraform's state knows the instances of these hosts."""
    known = {str(each.facts.get("id", "")) for each in observed.every("terraform", type="aws_instance")}
    missing = [name for name in names if _the(observed, "instance", name).id not in known]
    states = observed.every("terraform-state")
    serial = _listed([f"serial {each.facts.get('serial', '?')}" for each in states])
    return Seen(
        not missing, f"not in the state: {_listed(missing)}" if missing else f"{len(names)} hosts in the state, {serial}", tuple(names)
    )


def address_is_attached(observed: Observed, *, host: str) -> Seen:
    machine = _the(observed, "instance", host)
    found = observed.every("elastic-ip", instance=machine.id)
    return Seen(len(found) == 1, f"{host}: {_listed([str(each.facts['address']) for each in found]) or 'no Elastic IP'}", (host,))


# -- what hosts and repositories say


def hosts_have(observed: Observed, *, hosts: Sequence[str], path: str) -> Seen:
    missing = [host for host in hosts if path not in _the(observed, "host", host).facts["there"]]
    return Seen(
        not missing, f"{path} is missing on {_listed(missing)}" if missing else f"{path} is on {len(hosts)} of {len(hosts)}", tuple(hosts)
    )


def hosts_lack(observed: Observed, *, hosts: Sequence[str], path: str) -> Seen:
    having = [host for host in hosts if path in _the(observed, "host", host).facts["there"]]
    return Seen(not having, f"{path} is on {_listed(having)}" if having else f"{path} is on none of {len(hosts)}", tuple(hosts))


def hosts_say(observed: Observed, *, hosts: Sequence[str], path: str, texts: Sequence[str]) -> Seen:
    """A file on each host has lines that contain each of these texts."""
    missing = []
    for host in hosts:
        lines = _the(observed, "host", host).facts["lines"].get(path, [])
        missing += [f"{host}: no “{text}”" for text in texts if not any(text in line for line in lines)]
    return Seen(not missing, f"{path}: {_listed(missing) or _listed([f'“{text}”' for text in texts])}", tuple(hosts))


def every_line_contains(observed: Observed, *, host: str, path: str, starting: str, text: str) -> Seen:
    """Of a file's lines that begin so, none speaks of anything else."""
    lines = [line.strip() for line in _the(observed, "host", host).facts["lines"].get(path, [])]
    found = [line for line in lines if line.startswith(starting)]
    others = [line for line in found if text not in line]
    return Seen(bool(found) and not others, _listed(others) or f"{len(found)} of {len(found)} lines have {text}", (host,))


def files_agree(observed: Observed, *, hosts: Sequence[str], path: str) -> Seen:
    """The same content on all of them."""
    sums = {host: str(_the(observed, "host", host).facts["sums"].get(path, "")) for host in hosts}
    told = sorted({each or "nothing" for each in sums.values()})
    return Seen(len(told) == 1 and all(sums.values()), f"{path}: digest {_listed(told)} on {len(hosts)} hosts", tuple(hosts))


def is_mounted_on(observed: Observed, *, hosts: Sequence[str], points: Mapping[str, str]) -> Seen:
    """point → the end of what is mounted there (a share, a device)."""
    missing = []
    for host in hosts:
        mounts = _the(observed, "host", host).facts["mounts"]
        missing += [
            f"{host}: {point} is {mounts.get(point, 'not mounted')}"
            for point, end in points.items()
            if not str(mounts.get(point, "")).endswith(end)
        ]
    return Seen(
        not missing, _listed(missing) or f"{len(points)} of {len(points)} mounted on {len(hosts)} of {len(hosts)} hosts", tuple(hosts)
    )


def branch_is_there(observed: Observed, *, repository: str, branch: str) -> Seen:
    found = observed.one("branch", f"{repository} {branch}")
    return Seen(
        found is not None,
        f"{branch} of {repository} is at {str(found.facts['sha'])[:7]}" if found else f"{repository} has no branch {branch}",
    )


def branches_differ(observed: Observed, *, repository: str, one: str, other: str) -> Seen:
    heads = [_the(observed, "branch", f"{repository} {branch}").facts["sha"] for branch in (one, other)]
    return Seen(heads[0] != heads[1], f"{one} is at {heads[0][:7]}, {other} at {heads[1][:7]}")


def folder_is_there(observed: Observed, *, repository: str, branch: str, folder: str) -> Seen:
    found = _the(observed, "branch", f"{repository} {branch}")
    return Seen(folder in found.facts["folders"], f"{branch} of {repository} has {_listed(found.facts['folders'])}")


def configuration_says(observed: Observed, *, repository: str, branch: str, texts: Sequence[str], folder: str = "") -> Seen:
    """Beanstalk's files of that branch contain each of these texts."""
    found = _the(observed, "branch", f"{repository} {branch}")
    content = "\n".join(text for path, text in found.facts["files"].items() if path.startswith(folder))
    missing = [text for text in texts if text not in content]
    return Seen(not missing, f"{branch}: no {_listed(missing)}" if missing else f"{branch} has {_listed([f'“{text}”' for text in texts])}")


def answers(observed: Observed, *, address: str, status: int = 200) -> Seen:
    found = _the(observed, "answer", address)
    return Seen(found.facts["status"] == status, f"{address} answers {found.facts['status']}")


# -- CloudWatch


def alarm_is(observed: Observed, *, name: str, facts: Mapping[str, Any]) -> Seen:
    return is_there(observed, kind="alarm", name=name, facts=facts)


def widget_shows(observed: Observed, *, title: str, metrics: Sequence[str] = (), facts: Mapping[str, Any] | None = None) -> Seen:
    """A widget of the dashboard with these metrics: "NAME STATISTIC"."""
    found = observed.one("widget", title)
    if found is None:
        return Seen(False, f"There is no widget “{title}”")
    missing = [each for each in metrics if each not in found.facts["metrics"]]
    seen = _with_facts(found, facts or {})
    return Seen(
        seen.agrees and not missing,
        f"“{title}”: no {_listed(missing)}" if missing else f"“{title}”: {_listed(found.facts['metrics'])}; {seen.said}",
    )


def _the(observed: Observed, kind: str, name: str) -> Found:
    found = observed.one(kind, name)
    if found is None:
        silent = observed.one("host-silent", name) if kind == "host" else None
        raise NotObserved(str(silent.facts["unknown"]) if silent else f"There is no {kind.replace('-', ' ')} {name} to look at")
    return found


def _with_facts(found: Found, facts: Mapping[str, Any]) -> Seen:
    wrong = {key: value for key, value in facts.items() if not is_as_wanted(found.facts.get(key), value)}
    shown = wrong or facts
    said = ", ".join(f"{key.replace('_', ' ')} {_said(found.facts.get(key))}" for key in shown) or "is there"
    return Seen(
        not wrong,
        f"{_called(found)}: {said}" + (f"; {_listed([_said(each) for each in wrong.values()])} expected" if wrong else ""),
        (found.id,),
    )


def _with(found: Found, facts: Mapping[str, Any]) -> str:
    return f"{_called(found)} ({', '.join(_said(found.facts.get(key)) for key in facts)})"


def _source(groups: Mapping[str, Found], rule: Mapping[str, Any]) -> str:
    return groups[rule["from"]].name if rule["from"] in groups else str(rule["from"])


def _counted(kind: str, count: int) -> str:
    return f"{count or 'No'} {kind.replace('-', ' ')}{'' if count == 1 else 's'}"


def _called(found: Found) -> str:
    return found.name or found.id


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(str(word) for word in words[:_SHOWN]) + more


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _listed([_said(each) for each in value]) or "none"
    if isinstance(value, dict):
        return " ".join(f"{word.replace('_', ' ')} {_said(operand)}" for word, operand in value.items())
    return "nothing" if value in (None, "") else str(value)


def _age(iso: str) -> timedelta:
    moment = datetime.fromisoformat(iso)
    return datetime.now(UTC) - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        there_are, is_there, all_have, same_on_all, lets_in_only, lets_nobody_in_from_outside, is_closed_to_the_world, is_internal, routes,
        each_private_subnet_has_a_nat, subnet_is, stand_in_first_subnets, all_in_one_vpc, tunnels_are_up, resolves_to_host, points_to,
        certificate_lasts, certificate_is_of_distributions, balancer_serves, origins_are, snapshot_of_each_day, one_restore_point,
        newest_object_is_younger, oldest_object_is_younger, images_are_younger, data_volumes, in_terraform, address_is_attached,
        hosts_have, hosts_lack, hosts_say, every_line_contains, files_agree, is_mounted_on,
        branch_is_there, branches_differ, folder_is_there,
        configuration_says, answers, alarm_is, widget_shows,
    )
}  # fmt: skip
