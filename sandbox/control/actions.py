"""What somebody outside the console does to the estate, at the press of a button on the control page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.aws import provoke
from sandbox.aws.inventory import databases
from sandbox.control.drift import DRIFTS
from sandbox.control.refusal import Refused
from sandbox.hosts import vpn
from sandbox.repositories import NAMES, Name, Repositories
from sandbox.repositories.php import model, module_xml
from sandbox.world import PROD_FRONT, REGION, VPN, Fault, Host, World

Options = Mapping[str, str]


def act(world: World, name: str, options: Options) -> str:
    """One sentence about what was done. Raises Refused, and KeyError for an action that is not known."""
    return ACTIONS[name](world, options)


def _someone_else(world: World, options: Options) -> str:
    """Deploys again what is deployed, as somebody at AWS's own console would: through the API."""
    environment = options.get("environment", PROD_FRONT)
    client = _client(world, "elasticbeanstalk")
    try:
        found = client.describe_environments(EnvironmentNames=[environment])["Environments"]
        if not found:
            raise Refused(f"There is no environment {environment}.")
        client.update_environment(EnvironmentName=environment, VersionLabel=found[0]["VersionLabel"])
    except (BotoCoreError, ClientError) as error:
        raise Refused(str(error)) from error
    return f"Somebody else deploys {found[0]['VersionLabel']} to {environment}."


def _no_curtain(world: World, options: Options) -> str:
    """Whatever answers visitors before the environments' own rules are asked goes, as somebody at AWS's own console would do it."""
    client = _client(world, "elbv2")
    gone = 0
    for balancer in client.describe_load_balancers()["LoadBalancers"]:
        for listener in client.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            for rule in client.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                if not rule["IsDefault"] and int(rule["Priority"]) < 10:
                    client.delete_rule(RuleArn=rule["RuleArn"])
                    gone += 1
    return f"{gone} rules of the load balancers are gone."


def _client(world: World, service: str) -> Any:
    """Raises Refused while the sandbox still starts."""
    ready = world.data / "ready.json"
    if not ready.exists():
        raise Refused("The sandbox is still starting.")
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=json.loads(ready.read_text())["aws_endpoint"],
        region_name=REGION,
        aws_access_key_id="somebody-else",
        aws_secret_access_key="sandbox",  # noqa: S106
        config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1}, proxies={}),
    )


def _push_commit(world: World, options: Options) -> str:
    name, branch = _repository(options), options.get("branch", "master")
    repositories = Repositories(world.data / "repositories")
    message = options.get("message", "Search: rank by stock")
    now = world.clock.now()
    changes = {"app/code/Client/Search/Model/Ranking.php": model("Client", "Ranking") + f"// {now:%Y-%m-%d %H:%M:%S.%f}\n".encode()}
    if options.get("schema"):
        changes["app/code/Client/Search/etc/module.xml"] = module_xml("Client_Search", f"1.1.{int(now.timestamp())}")
    if name == "beanstalk-config":
        changes = {"README.md": f"# Beanstalk configuration\n\nChanged {now:%Y-%m-%d %H:%M:%S.%f}.\n".encode()}
    elif name != "magento":
        changes = {"src/Service/Ranking.php": f"<?php\n// {now:%Y-%m-%d %H:%M:%S.%f}\n".encode()}
    commit = repositories.commit(name, branch, message, changes, at=now)
    return f"Pushed {commit[:7]} “{message}” to {branch} of {name}."


def _vanish_commit(world: World, options: Options) -> str:
    name, branch = _repository(options), options.get("branch", "master")
    gone = Repositories(world.data / "repositories").rewrite(name, branch)
    return f"Commit {gone[:7]} has gone from {branch} of {name}: somebody force-pushed."


def _flag_left_behind(world: World, options: Options) -> str:
    host = _host(world, options)
    flag = host.app / "var/.maintenance.flag"
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.touch()
    return f"{host.name} has a maintenance flag that nobody set on purpose."


def _lasting(kind: str, sentence: str) -> Callable[[World, Options], str]:
    """A fault that lasts until it is cleared."""

    def add(world: World, options: Options) -> str:
        host = _host(world, options)
        if not any(fault.kind == kind and fault.host == host.name for fault in world.faults.listed()):
            world.faults.add(Fault(kind, host.name, -1))
        return sentence.format(host=host.name)

    return add


def _ssh_drop(world: World, options: Options) -> str:
    host = _host(world, options)
    after = options.get("bytes", "200")
    if not after.isdigit():
        raise Refused("bytes is a number.")
    world.faults.add(Fault("ssh-drop", host.name, 1, {"bytes": after}))
    return f"The next command on {host.name} loses its connection after {after} bytes."


def _of_vpn(do: Callable[[World, Host, Options], str]) -> Callable[[World, Options], str]:
    """Something that happens to the VPN host, or to whoever connects to it."""

    def act(world: World, options: Options) -> str:
        host = next(host for host in world.machines.values() if host.role == VPN)
        try:
            return do(world, host, options)
        except LookupError as error:
            raise Refused(str(error.args[0])) from error

    return act


def _database(world: World, options: Options) -> str:
    kind, state = options.get("kind", "cpu"), options.get("state", "busy")
    if kind not in provoke.KINDS or state not in ("busy", "calm"):
        raise Refused("kind is cpu or connections, state is busy or calm.")
    (provoke.database if state == "busy" else provoke.calm)(world, kind)
    return f"The production database has been {state} for {provoke.ENOUGH} minutes ({kind}); the alarms are judged."


def _ipsec(world: World, options: Options) -> str:
    link, which, state, minutes = (
        options.get(*each) for each in (("link", "DLM-Ml"), ("tunnel", "both"), ("state", "down"), ("minutes", "0"))
    )
    try:
        numbers = {"1": [1], "2": [2], "both": [1, 2]}[which or ""]
        provoke.tunnel(link or "", numbers, up={"up": True, "down": False}[state or ""], minutes=min(int(minutes or 0), 60))
    except (KeyError, ValueError) as error:
        raise Refused("link is DLM-Lan, DLM-Ml or DLM-Cetsi, tunnel is 1, 2 or both, state is up or down, minutes is a number.") from error
    return f"{link}: tunnel {which} is {state}, since {minutes} minutes."


def _failover(world: World, options: Options) -> str:
    """Of the production database, or of its cache through ElastiCache's own TestFailover."""
    if options.get("of", "cache") == "cache":
        try:
            _client(world, "elasticache").test_failover(ReplicationGroupId="client-redis-prod", NodeGroupId="0001")
        except (BotoCoreError, ClientError) as error:
            raise Refused(str(error)) from error
        return "client-redis-prod fails over: another node is primary."
    databases.backend().fail_over(databases.PRODUCTION)
    return f"{databases.PRODUCTION} fails over: its standby has taken over."


def _lasted(world: World, options: Options) -> str:
    namespace, metric = options.get("namespace", "AWS/ElasticBeanstalk"), options.get("metric", "EnvironmentHealth")
    pairs = [pair.partition("=") for pair in options.get("dimension", f"EnvironmentName={PROD_FRONT}").split(",")]
    dimensions = {name: value for name, _, value in pairs}
    minutes = options.get("minutes", "15")
    if not minutes.isdigit() or not 1 <= int(minutes) <= 60:
        raise Refused("minutes is a number from 1 to 60.")
    try:
        figure = provoke.lasted(world, namespace, metric, dimensions, int(minutes))
    except LookupError as error:
        raise Refused(f"CloudWatch has no {metric} of {dimensions} in {namespace}.") from error
    return f"{metric} of {', '.join(dimensions.values())} has been {figure:g} for {minutes} minutes; the alarms are judged."


def _forged(world: World, options: Options) -> str:
    try:
        reached = provoke.forged(options.get("kind", "unsigned"))
    except KeyError as error:
        raise Refused("kind is unsigned, changed, replayed, other-topic or other-certificate.") from error
    except LookupError as error:
        raise Refused(str(error)) from error
    return f"Sent to {reached} subscribers."


def _host(world: World, options: Options) -> Host:
    try:
        return world.host(options.get("host", "fe-2"))
    except KeyError as error:
        raise Refused(f"There is no host {error.args[0]}.") from error


def _repository(options: Options) -> Name:
    name = options.get("repository", "magento")
    for known in NAMES:
        if name == known:
            return known
    raise Refused(f"There is no repository {name}.")


ACTIONS: dict[str, Callable[[World, Options], str]] = {
    "someone-else": _someone_else,
    "database": _database,
    "ipsec": _ipsec,
    "lasted": _lasted,
    "failover": _failover,
    "sns-forged": _forged,
    "no-curtain": _no_curtain,
    "push-commit": _push_commit,
    "vanish-commit": _vanish_commit,
    "flag-left-behind": _flag_left_behind,
    "host-key-changed": _lasting("host-key-changed", "{host} answers with another host key until the fault is cleared."),
    "disk-full": _lasting("disk-full", "The disk of {host} is full until the fault is cleared."),
    "payout-runs": _lasting("payout-runs", "A payout runs on {host} until the fault is cleared."),
    "ssh-drop": _ssh_drop,
    **DRIFTS,
    "vpn-connect": _of_vpn(lambda world, host, options: vpn.connect(world, host, options.get("name", "laptop.shop"))),
    "vpn-leave": _of_vpn(lambda world, host, options: vpn.leave(world, options.get("name", "laptop.shop"))),
    "vpn-rebuild": _of_vpn(lambda world, host, options: vpn.rebuild(world, host)),
    "vpn-break": _of_vpn(lambda world, host, options: vpn.break_(host, options.get("what", "ta.key"))),
    "vpn-mend": _of_vpn(lambda world, host, options: vpn.mend(host)),
}
