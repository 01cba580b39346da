"""The load balancer as visitors meet it: listener rules, then a target that is in service.

Lives here: `route`. The rules are moto's, so what `aws elbv2 create-rule` made is what visitors get.
"""

from __future__ import annotations

import ipaddress
import re
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sandbox.aws import beanstalk_health, loadbalancing, topics
from sandbox.durations import DURATIONS
from sandbox.world import REGION, Host, World

Routed = tuple[int, dict[str, str], bytes, str]
"""Status, headers, body, and the name of the host that answered; the empty name is the load balancer itself."""

HTML = "text/html"
LONG_PAGE = "/export"  # takes `DURATIONS.long_page`
SLOW = 2.0  # seconds that the fault `slow-pages` adds
DNS = f".{REGION}.elb.amazonaws.com"


def route(world: World, host_header: str, path: str, headers: Mapping[str, str], client_ip: str) -> Routed:
    """One GET, as the load balancer answers it. `path` may carry a query. Counted for health and metrics."""
    if host_header == topics.CERTIFICATE_HOST:
        return topics.certificate(path)
    listener = _listener(host_header, headers)
    if listener is None:
        return 404, {"Content-Type": HTML}, b"", ""
    bare, _, query = path.partition("?")
    request = {"host": host_header.partition(":")[0], "path": bare, "query": query, "headers": headers, "client": client_ip}
    action = _action(listener, request)
    group = _default_group(listener)
    if action["Type"] == "fixed-response":
        return _by_itself(world, group, *_fixed_response(action))
    if action["Type"] == "redirect":
        return _by_itself(world, group, 301, {"Location": f"https://{request['host']}{path}"}, b"")
    return _forward(world, _group_of(action), path, headers)


# Which rule.


def _listener(host_header: str, headers: Mapping[str, str]) -> Any:
    """By the balancer's own DNS name; else the pre-production's names have its name in them, and the rest reaches production."""
    name = host_header.partition(":")[0]
    wanted = "client-magento-preprod-alb" if "preprod" in host_header else "client-magento-alb"
    port = "80" if headers.get("X-Forwarded-Proto") == "http" else "443"
    for balancer in loadbalancing.backend().load_balancers.values():
        if balancer.dns_name == name or (balancer.name == wanted and not name.endswith(DNS)):
            return next((listener for listener in balancer.listeners.values() if str(listener.port) == port), None)
    return None


def _action(listener: Any, request: dict[str, Any]) -> dict[str, Any]:
    rules = sorted((rule for rule in listener.rules.values() if not rule.is_default), key=lambda rule: int(rule.priority))
    for rule in rules:
        if all(_fits(condition, request) for condition in rule.conditions):
            return dict(rule.actions[-1].data)
    return dict(listener.default_actions[-1].data)


def _fits(condition: dict[str, Any], request: dict[str, Any]) -> bool:
    def values(config: str) -> list[Any]:
        return list(condition.get(config, {}).get("Values") or condition.get("Values") or [])

    match condition.get("Field"):
        case "path-pattern":
            return any(_like(pattern, request["path"]) for pattern in values("PathPatternConfig"))
        case "host-header":
            return any(_like(pattern.lower(), request["host"].lower()) for pattern in values("HostHeaderConfig"))
        case "http-header":
            name = condition["HttpHeaderConfig"]["HttpHeaderName"].lower()
            found = next((value for header, value in request["headers"].items() if header.lower() == name), None)
            return found is not None and any(_like(pattern, found) for pattern in values("HttpHeaderConfig"))
        case "http-request-method":
            return "GET" in values("HttpRequestMethodConfig")
        case "source-ip":
            return any(ipaddress.ip_address(request["client"]) in ipaddress.ip_network(network) for network in values("SourceIpConfig"))
        case "query-string":
            pairs = parse_qsl(request["query"], keep_blank_values=True)
            return any(_pair_fits(pattern, pairs) for pattern in values("QueryStringConfig"))
    return False


def _like(pattern: str, text: str) -> bool:
    """`*` is any text, `?` any one character; nothing else is special."""
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text) is not None


def _pair_fits(pattern: dict[str, str], pairs: list[tuple[str, str]]) -> bool:
    return any(_like(pattern.get("Key", "*"), key) and _like(pattern["Value"], value) for key, value in pairs)


def _group_of(action: dict[str, Any]) -> str:
    """The name of the first target group that an action forwards to."""
    arn = action.get("TargetGroupArn") or action["ForwardConfig"]["TargetGroups"][0]["TargetGroupArn"]
    name: str = loadbalancing.backend().target_groups[arn].name
    return name


def _default_group(listener: Any) -> str:
    action = listener.default_actions[-1].data
    return _group_of(action) if action["Type"] == "forward" else ""


# What is answered.


def _fixed_response(action: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    config = action["FixedResponseConfig"]
    return (
        int(config["StatusCode"]),
        {"Content-Type": config.get("ContentType") or "text/plain"},
        (config.get("MessageBody") or "").encode(),
    )


def _by_itself(world: World, group: str, status: int, headers: dict[str, str], body: bytes) -> Routed:
    world.aws.traffic.saw(f"elb:{group}", status, 0.0)
    return status, {"Server": "awselb/2.0", **headers}, body, ""


def _forward(world: World, group: str, path: str, headers: Mapping[str, str]) -> Routed:
    aws = world.aws
    serving = aws.targets.in_service(group, world.hosts_of(group))
    turn = aws.next_turn(group)
    if not serving:
        return _by_itself(world, group, *_page(503, "Service Temporarily Unavailable"))
    host: Host = serving[(turn + turn // len(serving)) % len(serving)]  # shifted each round, so that no host always gets the same page
    began = world.clock.simulated()
    answer = aws.answer(world, host, path, dict(headers))
    if path.startswith(LONG_PAGE):
        world.clock.sleep(DURATIONS.long_page)
    if aws.targets.cut(group, host, began):
        return _by_itself(world, group, *_page(502, "Bad Gateway"))
    aws.traffic.saw(host.name, answer.status, latency(world, host, path))
    return answer.status, answer.headers, answer.body, host.name


def _page(status: int, title: str) -> tuple[int, dict[str, str], bytes]:
    body = f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\r\n"
    return status, {"Content-Type": HTML}, f"{body}</body>\r\n</html>\r\n".encode()


def latency(world: World, host: Host, path: str) -> float:
    """Seconds; each page has its own, and a busy host is slower."""
    page = zlib.crc32(path.encode()) % 120 / 1000
    slow = SLOW if any(fault.kind == "slow-pages" and fault.host in ("", host.name) for fault in world.faults.listed()) else 0.0
    return round(0.11 + slow + page + 0.05 * beanstalk_health.load(world.aws.ledger.instance(host.name))[0], 3)
