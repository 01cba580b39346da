"""What stands around the services: the ways in, what is installed by hand, Rundeck, the alarms and whom they tell."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from estate.proposal.draft import NOWHERE, Draft, without_empty
from estate.proposal.names import PRODUCTION, SHARED, first_words, key
from estate.proposal.seen import Seen
from remote.aws.alarms import Alarm
from remote.aws.found import Found

_OPENVPN, _RUNDECK = 1194, 4440
_SSH = 22
_WELL_KNOWN = {
    445: ("smb", "SMB shares"),
    3389: ("rdp", "RDP"),
    21: ("ftp", "FTP"),
    22: ("ssh", "SSH"),
    443: ("https", "HTTPS"),
    80: ("http", "HTTP"),
}
_INSIDE = [ipaddress.IPv4Network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8")]
_STATISTICS = ("Average", "Maximum", "Minimum", "Sum", "SampleCount")
_COMPARISONS = ("GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold")


def draw_ways_in(seen: Seen, draft: Draft) -> None:
    """The VPN server and the gateway; and what visitors of the gateway come for, installed by hand on Windows."""
    vpn = next((each for each in _own(seen) if _opens(seen, each, _OPENVPN)), None)
    gateway = next((each for each in _own(seen) if each is not vpn and _allowed(seen, each)), None)
    if vpn or gateway:
        access: dict[str, Any] = {"environment": SHARED, "vpn": {"instance": vpn.name} if vpn else {}}
        if gateway:
            group = next(group for group in _groups(seen, gateway) if any(_is_an_address(rule) for rule in group.facts["in"]))
            access["gateway"] = {"instance": gateway.name, "group": group.name, "owner": "console", "services": _offers(group)}
            draft.doubt("access", "gateway", "services", why="which ports belong together, and what people call them")
            draft.doubt(
                "access", "gateway", "configuration", why="the repository and file that haproxy.cfg is kept in, where it is kept in one"
            )
            draft.doubt("access", "gateway", "owner", why="terraform, with prefix_list, where Terraform owns the group's rules")
        draft.document["access"] = without_empty(access)
        draft.doubt("access", "ftp", why="the FTP account, where there is one: service, environment, user, group")
    by_hand: dict[str, Any] = {}
    for each in _own(seen):
        if each.facts["platform"] != "windows":
            continue
        if gateway is None:
            draft.left.append(
                f"The Windows host {each.name} is not under by_hand: no gateway was found from which its ports could be asked."
            )
            continue
        by_hand[key(each.name, by_hand)] = {
            "name": each.name,
            "environment": PRODUCTION,
            "instance": each.name,
            "gateway": gateway.name,
            "volumes": sum(volume.facts["instance"] == each.id and not volume.facts["root"] for volume in seen.all("volume")),
            "ports": [{"port": port, "what": _WELL_KNOWN.get(port, ("", f"port {port}"))[1]} for port in _samples(seen, each)],
        }
    if by_hand:
        draft.document["by_hand"] = by_hand
        for name in by_hand:
            draft.doubt("by_hand", name, "name", why="what runs there, for people")
            draft.doubt("by_hand", name, "about", why="whose it is, for people")
            draft.doubt("by_hand", name, "environment", why="guarded as production, unless you say otherwise")
            draft.doubt("by_hand", name, "ports", why="its security group lets these in; which of them are worth asking")


def draw_rundeck(seen: Seen, draft: Draft) -> None:
    host = next((each for each in _own(seen) if _opens(seen, each, _RUNDECK)), None)
    if host is None:
        return
    named = sorted(each.name for each in seen.all("record") if host.facts["private_ip"] in each.facts["values"])
    services = draft.document["services"]
    of = next((name for name, each in services.items() if each["plan"] == "magento"), next(iter(services)))
    targets = services[of]["environments"]
    environment = PRODUCTION if PRODUCTION in targets else next(iter(targets))
    draft.document["rundeck"] = {
        "url": f"http://{named[0] if named else host.facts['private_ip']}:{_RUNDECK}",
        "project": NOWHERE,
        "environment": environment,
        "lock_group": targets[environment]["lock_group"],
        "user": "ops-console",
    }
    draft.doubt("rundeck", "project", why="its name in Rundeck; the token goes into RUNDECK_TOKEN")
    draft.doubt("rundeck", "user", why="the user in Rundeck to whom the token belongs")


def draw_alarms(seen: Seen, draft: Draft, belongs: Mapping[str, tuple[str, str]]) -> None:
    """Each metric alarm as it is: what differs from this later is drift."""
    links = {each.id: each.name for each in seen.all("ipsec-link") if each.name}
    common = first_words([each.name for each in seen.environments])
    topics: dict[str, str] = {}
    drawn = {}
    for alarm in seen.alarms:
        if why := _cannot_be_declared(alarm):
            draft.left.append(f"The alarm “{alarm.name}” is not among the alarms: {why}.")
            continue
        for arn in _topics_of(alarm):
            if arn not in topics.values():
                topics[_topic_key(arn, common, topics)] = arn
        drawn[alarm.name] = _alarm(alarm, {arn: name for name, arn in topics.items()}, links, belongs)
    if topics:
        draft.document["alarm_topics"] = topics
    if drawn:
        draft.document["alarms"] = drawn
        draft.doubt("alarms", "*", "about", why="for people; it stands here as CloudWatch has it")
        draft.doubt("alarms", "*", "unit", why="of the figure, for people")


def _alarm(alarm: Alarm, topics: Mapping[str, str], links: Mapping[str, str], belongs: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    said = alarm.definition
    dimensions = {each["Name"]: each["Value"] for each in said.get("Dimensions", ())}
    link = links.get(dimensions.get("VpnId", ""), "")
    if link:
        del dimensions["VpnId"]
    of = belongs.get(dimensions.get("EnvironmentName", "")) if said["Namespace"] == "AWS/ElasticBeanstalk" else None
    threshold = float(said["Threshold"])
    return without_empty({"about": " ".join(said.get("AlarmDescription", "").split())}) | {
        "namespace": said["Namespace"],
        "metric": said["MetricName"],
        **without_empty({"dimensions": dimensions, "link": link}),
        "statistic": said["Statistic"],
        "period": said["Period"],
        "periods": said["EvaluationPeriods"],
        **({"datapoints": points} if (points := said.get("DatapointsToAlarm")) not in (None, said["EvaluationPeriods"]) else {}),
        "comparison": said["ComparisonOperator"],
        "threshold": int(threshold) if threshold.is_integer() else threshold,
        **({"missing": said["TreatMissingData"]} if said.get("TreatMissingData", "missing") != "missing" else {}),
        **without_empty({"tell": [topics[arn] for arn in _topics_of(alarm)], "release": "/".join(of) if of else ""}),
    }  # fmt: skip


def _cannot_be_declared(alarm: Alarm) -> str:
    """ "" where it can be: what estate.yaml knows of alarms is a statistic of one metric."""
    said = alarm.definition
    if not said.get("MetricName") or said.get("Statistic") not in _STATISTICS or "Threshold" not in said:
        return "it is no plain statistic of one metric against a threshold"
    if said.get("ComparisonOperator") not in _COMPARISONS:
        return f"its comparison is {said.get('ComparisonOperator')}"
    if said.get("Period", 0) % 60 or not said.get("Period"):
        return f"its period of {said.get('Period')} s is no multiple of a minute"
    if not alarm.name.isascii() or not alarm.name.isprintable():
        return "its name has other characters than ASCII's"
    return ""


def _topics_of(alarm: Alarm) -> list[str]:
    return [arn for arn in alarm.definition.get("AlarmActions", ()) if str(arn).startswith("arn:aws:sns:")]


def _topic_key(arn: str, common: tuple[str, ...], taken: Mapping[str, str]) -> str:
    """Its name without the client's and without what every topic is."""
    words = [
        word
        for word in arn.rpartition(":")[2].lower().replace("_", "-").split("-")
        if word not in (*common, "alarms", "alarm", "alerts", "topic", "sns")
    ]
    return key("-".join(words) or "alarms", taken)


# -- Security groups


def _own(seen: Seen) -> list[Found]:
    """The hosts that are not Beanstalk's and have a name, each name once: estate.yaml knows them by it."""
    own = [each for each in seen.all("instance") if not each.facts["beanstalk"] and each.name]
    return list({each.name: each for each in reversed(own)}.values())[::-1]


def _groups(seen: Seen, host: Found) -> list[Found]:
    return [each for each in seen.all("security-group") if each.id in host.facts["groups"]]


def _of_tcp(seen: Seen, host: Found) -> list[Mapping[str, Any]]:
    """What lets TCP in, or everything."""
    return [rule for group in _groups(seen, host) for rule in group.facts["in"] if rule["protocol"] in ("tcp", "-1")]


def _opens(seen: Seen, host: Found, port: int) -> bool:
    """Precisely this port, of TCP or as a VPN's of UDP: a rule that opens everything says nothing of what listens."""
    return any(rule["ports"] == [port, port] for group in _groups(seen, host) for rule in group.facts["in"])


def _allowed(seen: Seen, host: Found) -> bool:
    """Whether it lets in single networks of outside, as a gateway with an allow-list does."""
    return any(_is_an_address(rule) for rule in _of_tcp(seen, host))


def _is_an_address(rule: Mapping[str, Any]) -> bool:
    """A network of outside, for something else than SSH. The networks of the documentation's examples (RFC 5737) count as outside."""
    try:
        network = ipaddress.ip_network(str(rule["from"]))
    except ValueError:
        return False
    if network.prefixlen == 0 or rule["protocol"] != "tcp" or rule["ports"] in ([_SSH, _SSH], [0, 65535]):
        return False
    return not isinstance(network, ipaddress.IPv4Network) or not any(network.subnet_of(each) for each in _INSIDE)


def _offers(group: Found) -> dict[str, Any]:
    """One entry for each port or range that somebody outside is let in by."""
    offers: dict[str, Any] = {}
    for first, last in sorted({(rule["ports"][0], rule["ports"][1]) for rule in group.facts["in"] if _is_an_address(rule)}):
        told = str(first) if first == last else f"{first}-{last}"
        named, name = _WELL_KNOWN.get(first, (f"port-{first}", f"Ports {told}")) if first == last else (f"ports-{first}", f"Ports {told}")
        offers[key(named, offers)] = {"name": name, "ports": [told]}
    return offers


def _samples(seen: Seen, host: Found) -> Iterator[int]:
    """Every single port, and of a range its first, its middle and its last one; SSH is asked elsewhere."""
    spans = sorted({(rule["ports"][0], rule["ports"][1]) for rule in _of_tcp(seen, host)})
    found = [port for first, last in spans if (first, last) != (0, 65535) for port in (first, (first + last) // 2, last) if port]
    yield from list(dict.fromkeys(found))[:50]
