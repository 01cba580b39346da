"""Every way in which this console changes the world: what P1 enumerates its cut points over.

Releases of every service by every strategy, going back, every small operation, the safe exit, the following of somebody else's deployment,
Rundeck's jobs, alarms, and who may come in; which there are is asked of the console (`faults.drawing`). So a service, an operation or an
effect that is new in them is enumerated without a word here; an effect that stands in no plan that the suite can draw is reported as not
run, by its name.

    release:SERVICE:ENVIRONMENT   (Magento's by the environment alone)   operation:KEY:SERVICE:ENVIRONMENT   exit:…   follow:…   back:…
    prepare:… roll:… window:…   (the migration-aware strategy: built once, then one of its two paths)
    rundeck:job   alarm:mute   vpn:create   gateway:allow   ftp:rotate   estate:snapshot …
    gateway:list-…   (where Terraform owns the gateway's group, and the console the list that it refers to)
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from faults.points import NotRun
from faults.processes import NotThere, until

if TYPE_CHECKING:
    from faults.rig import Rig

SHORT = {"pre-production": "release:magento:pre-production", "production": "release:magento:production"}
ARGUMENT = "/frontend/*"  # for operations that want one; the others ignore it
BUILT_ONCE = ("prepare", "roll", "window")
VPN = "openvpn"
IDLE = "ansible"  # a host that no release comes to
PREFIX_LIST = "fault-suite"
_OURS, _TERRAFORMS = "    owner: console ", f"    prefix_list: {PREFIX_LIST}\n    owner: terraform "
DRAINING = ("aws:elasticbeanstalk:environment:process:default", "DeregistrationDelay")
DRAINED = "20"  # seconds, as the box begins
PAYOUT = "payout"  # the gate: an hour and a half each night, by the time of the world
FOREIGN = 5000  # the number of the first version that somebody else has built; the console counts on from it
FLAGS = {"maintenance-on": False, "maintenance-off": True}  # operations, and whether the flag stands on the hosts before


def found(rig: Rig) -> dict[str, Any]:
    """`ways`: by name, with the hosts and the Beanstalk environment of each; `kinds`: the effects that are registered. Asked once a rig."""
    if not rig.known:
        rig.known = rig.ask("ways")
    return rig.known


def names(rig: Rig) -> list[str]:
    long = {way: short for short, way in SHORT.items()}
    return [long.get(name, name) for name in found(rig)["ways"]]


def uncovered(rig: Rig) -> list[str]:
    """Effects that are registered and stand in no plan that is drawn here. Draws each plan once."""
    drawn = {act["kind"] for name in names(rig) for act in acts(rig, name)}
    return sorted(set(found(rig)["kinds"]) - drawn)


def acts(rig: Rig, name: str) -> list[dict[str, Any]]:
    """Those of its plan; drawn once for each rig. None where it cannot be drawn in this world as it is."""
    if name not in rig.acts:
        try:
            drawn = plan(rig, name, fresh=False)["steps"]
        except (NotRun, NotThere):  # whoever plays it says why
            drawn = []
        finally:
            tidy(rig, name)
        rig.acts[name] = [act for step in drawn for act in step["acts"]]
    return rig.acts[name]


def plan(rig: Rig, name: str, *, fresh: bool = True) -> dict[str, Any]:
    """Draws it, in a world in which it has something to do. `fresh`: what it releases has not been released yet, and it is to be started.

    Where a page draws and starts in one go it has begun then (`run`), as far as there is a worker. Raises NotRun, NotThere.
    """
    name = SHORT.get(name, name)
    kind, *words = name.split(":")
    service, environment = words[-2:] if len(words) > 1 else ("", "")
    about = found(rig)["ways"][name]
    if kind in ("release", "back") and fresh:
        rig.sim("actions/push-commit", message="Search: rank by stock", repository=about["repository"])
    if kind == "follow":
        until("a deployment of somebody else's", lambda: _somebody_else(rig, about["beanstalk"]), seconds=60, pause=0.5)
    if kind == "exit" or words[0] in FLAGS:
        _flags(rig, about["hosts"], there=FLAGS.get(words[0], True))
    if kind == "release":
        return _drawn(rig, "plans", service=service, environment=environment)
    if kind in BUILT_ONCE:
        return _built_once(rig, kind, service, environment, about)
    if kind == "operation":
        return _drawn(rig, "operations", service=service, environment=environment, operation=words[0], argument=ARGUMENT)
    before = _BEFORE.get(name)
    asked: dict[str, Any] = {
        "way": name,
        "service": service,
        "environment": environment,
        "dry": not fresh,
        "subject": before(rig) if before else "",
    }
    drawn = {"none": "nobody has asked"} if kind == "back" and fresh else rig.ask("draw", **asked)
    if kind == "back" and "none" in drawn:  # what is live is the only version that somebody else has built: it has to be an earlier one
        _carried_out(rig, _drawn(rig, "plans", service=service, environment=environment))
        if _somebody_built(rig, about["tiers"]):
            rig.sim("actions/push-commit", message="Search: rank by price", repository=about["repository"])
            _carried_out(rig, _drawn(rig, "plans", service=service, environment=environment))
        drawn = rig.ask("draw", **asked)
    if "none" in drawn:
        raise NotRun(f"{name}: {drawn['none']}.")
    if kind == "back":
        _approved(rig, drawn)
    return drawn


def _somebody_else(rig: Rig, beanstalk: str) -> bool:
    """Deploys there; False while Beanstalk is busy with what came before."""
    try:
        rig.sim("actions/someone-else", environment=beanstalk)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != 422:
            raise
        return False
    return True


def _somebody_built(rig: Rig, tiers: list[str]) -> bool:
    """A version of somebody else's is live there, from the bundle that was. Once a rig: False where one has been.

    The versions that the box begins with are no way back: the first release moves the database.
    """
    if tiers[-1] in rig.foreign:
        return False
    beanstalk = rig.aws("elasticbeanstalk")
    environment = beanstalk.describe_environments(EnvironmentNames=tiers)["Environments"][-1]
    application, live = environment["ApplicationName"], environment["VersionLabel"]
    (bundle,) = beanstalk.describe_application_versions(ApplicationName=application, VersionLabels=[live])["ApplicationVersions"]
    rig.built += 1
    label = re.sub(r"r\d+-", f"r{FOREIGN * rig.built}-", live)  # no release of the console's has that number
    beanstalk.create_application_version(ApplicationName=application, VersionLabel=label, SourceBundle=bundle["SourceBundle"])
    rig.foreign.add(tiers[-1])

    def is_live() -> bool:
        found = beanstalk.describe_environments(EnvironmentNames=tiers)["Environments"]
        for each in found:
            if each["VersionLabel"] != label and each["Status"] == "Ready":
                beanstalk.update_environment(EnvironmentName=each["EnvironmentName"], VersionLabel=label)
        return all(each["VersionLabel"] == label and each["Status"] == "Ready" for each in found)

    def is_seen() -> bool:
        hosts = [host for host in rig.http.get("/api/v1/hosts").json()["items"] if host.get("beanstalk") in tiers]
        return bool(hosts) and all(host["version"] == label for host in hosts)

    until("a version of somebody else's", is_live, seconds=60, pause=0.5)
    return bool(until("the console's look at a version of somebody else's", is_seen, seconds=60, pause=0.5))


def _built_once(rig: Rig, kind: str, service: str, environment: str, about: dict[str, Any]) -> dict[str, Any]:
    """`prepare` is what comes first; a change of the schema decides which of the other two follows.

    The code that the box begins with has changes of the schema that nobody has released yet: to roll, they are released first.
    """
    drawn = _built(rig, kind, service, environment, about)
    if kind == "roll" and _path(drawn) == "window":
        _carried_out(rig, _drawn(rig, "plans", service=service, environment=environment))
        drawn = _built(rig, kind, service, environment, about)
    if kind != "prepare" and _path(drawn) != kind:
        raise NotRun(f"the database's answers lead to {_path(drawn)}, not to {kind}.")
    return drawn


def _path(drawn: dict[str, Any]) -> str:
    return str(drawn["facts"].get("decision", {}).get("path", ""))


def _built(rig: Rig, kind: str, service: str, environment: str, about: dict[str, Any]) -> dict[str, Any]:
    """The preparation's plan, or the one that follows it."""
    more = {"schema": "yes"} if kind == "window" else {}
    rig.sim("actions/push-commit", message="Search: rank by stock", repository=about["repository"], **more)
    wanted = {"service": service, "environment": environment, "strategy": "migration-aware"}
    for branch in about["branches"]:
        if rig.http.post("/api/v1/plans", json={**wanted, "configuration_branch": branch}).status_code == 201:
            wanted["configuration_branch"] = branch
            break
    else:
        raise NotRun(f"no configuration of {service} in {environment} lets it be built once.")
    preparation = _drawn(rig, "plans", **wanted)
    if kind == "prepare":
        return preparation
    _carried_out(rig, preparation)
    return _drawn(rig, "plans", **wanted)


def _carried_out(rig: Rig, drawn: dict[str, Any]) -> None:
    """By a worker whom nothing happens to. Raises NotThere."""
    answer = rig.start_run(drawn)
    if answer.status_code != 201:
        raise NotThere(f"what comes before it was refused: {answer.text[:300]}")
    worker = rig.fork("worker")
    try:
        ended = rig.finished(answer.json()["id"])
    finally:
        rig.nursery.kill(worker)
    if ended["state"] != "succeeded":
        raise NotThere(f"what comes before it is {ended['state']}: {ended['said']}")


def tidy(rig: Rig, name: str) -> None:
    """The shop is open again: what comes next wants to find it so."""
    name = SHORT.get(name, name)
    if name.startswith(("operation:curtain-on:", "window:")):
        rig.sim("actions/no-curtain")
    if name.startswith("window:"):  # the code moves the schema, wherever it is released next: what somebody else had built is no way back
        rig.foreign.clear()
    if name.startswith("roll:"):
        _drain_as_before(rig, found(rig)["ways"][name]["tiers"])
    kind, key, *_ = name.split(":")
    if kind == "exit" or key in FLAGS:
        _flags(rig, found(rig)["ways"][name]["hosts"], there=False)
    if name == "vpn:reapply" and _lost_lines(rig).exists():
        index, lost = rig.host_root(VPN) / "root/easy-rsa/pki/index.txt", _lost_lines(rig).read_text()
        if lost not in index.read_text().splitlines():
            index.write_text(f"{index.read_text()}{lost}\n")
        _lost_lines(rig).unlink()
    if name.startswith("gateway:list-"):
        rig.estate.write_text(rig.estate.read_text().replace(_TERRAFORMS, _OURS))


def _drain_as_before(rig: Rig, tiers: list[str]) -> None:
    """A roll lets hosts drain for longer, once and for all: the next one would find nothing to change."""
    beanstalk = rig.aws("elasticbeanstalk")
    for name in tiers:
        until(f"the end of {name}'s change", partial(_is_ready, rig, name), seconds=30, pause=0.2)
        (found,) = beanstalk.describe_environments(EnvironmentNames=[name])["Environments"]
        (now,) = beanstalk.describe_configuration_settings(ApplicationName=found["ApplicationName"], EnvironmentName=name)[
            "ConfigurationSettings"
        ]
        delay = {(each["Namespace"], each["OptionName"]): each.get("Value") for each in now["OptionSettings"]}[DRAINING]
        if delay == DRAINED:
            continue
        namespace, option = DRAINING
        beanstalk.update_environment(
            EnvironmentName=name, OptionSettings=[{"Namespace": namespace, "OptionName": option, "Value": DRAINED}]
        )
        until(f"the end of {name}'s change", partial(_is_ready, rig, name), seconds=30, pause=0.2)


def _is_ready(rig: Rig, name: str) -> bool:
    (found,) = rig.aws("elasticbeanstalk").describe_environments(EnvironmentNames=[name])["Environments"]
    return bool(found["Status"] == "Ready")


def _attempt(rig: Rig) -> str:
    """Somebody's request for a certificate lies on the VPN's host, and nothing came of it. The name."""
    name = f"left-{uuid.uuid4().hex[:8]}"
    requests = rig.host_root(VPN) / "root/easy-rsa/pki/reqs"
    requests.mkdir(parents=True, exist_ok=True)
    (requests / f"{name}.req").write_text("-----BEGIN CERTIFICATE REQUEST-----\n")
    return name


def _lost_line(rig: Rig) -> str:
    """The host has forgotten its last valid certificate, as an image of before does. The name."""
    rig.ask("vpn")
    index = rig.host_root(VPN) / "root/easy-rsa/pki/index.txt"
    lines = index.read_text().splitlines()
    lost = next(line for line in reversed(lines) if line.startswith("V"))
    _lost_lines(rig).write_text(lost)
    index.write_text("".join(f"{line}\n" for line in lines if line != lost))
    rig.ask("vpn")
    return lost.rpartition("CN=")[2]


def _lost_lines(rig: Rig) -> Path:
    return rig.folder / "lost.txt"


def _stopped(rig: Rig) -> str:
    """A host that nothing is released to stands still. Its id."""
    ec2 = rig.aws("ec2")
    (found,) = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [IDLE]}])["Reservations"]
    (id,) = [str(each["InstanceId"]) for each in found["Instances"]]
    ec2.stop_instances(InstanceIds=[id])

    def stands() -> bool:
        (its,) = ec2.describe_instances(InstanceIds=[id])["Reservations"]
        return bool(its["Instances"][0]["State"]["Name"] == "stopped")

    until(f"the stop of {IDLE}", stands, seconds=30, pause=0.2)
    return id


def _listed(rig: Rig) -> str:
    """The gateway's group is Terraform's. It refers to a list, of which the console keeps the entries; this one stands in it."""
    ec2 = rig.aws("ec2")
    if not prefix_lists(rig):
        ec2.create_managed_prefix_list(PrefixListName=PREFIX_LIST, MaxEntries=500, AddressFamily="IPv4")
    (found,) = prefix_lists(rig)
    cidr = f"203.0.113.{found['Version'] % 250 + 1}/32"
    entries = [{"Cidr": cidr, "Description": "fault suite"}]
    mine = {"PrefixListId": found["PrefixListId"], "PrefixListName": PREFIX_LIST, "CurrentVersion": found["Version"]}
    ec2.modify_managed_prefix_list(**mine, AddEntries=entries)  # the box takes a name that is not told for none
    rig.estate.write_text(rig.estate.read_text().replace(_OURS, _TERRAFORMS))
    return cidr


def prefix_lists(rig: Rig) -> list[dict[str, Any]]:
    """Of the suite: one, or none."""
    mine = [{"Name": "prefix-list-name", "Values": [PREFIX_LIST]}]
    found: list[dict[str, Any]] = rig.aws("ec2").describe_managed_prefix_lists(Filters=mine)["PrefixLists"]
    return found


def _flags(rig: Rig, hosts: list[str], *, there: bool) -> None:
    for host in hosts:
        flag = rig.host_root(host) / "var/app/current/var/.maintenance.flag"
        if there:
            flag.parent.mkdir(parents=True, exist_ok=True)
            flag.touch()
        else:
            flag.unlink(missing_ok=True)


def _drawn(rig: Rig, path: str, **wanted: Any) -> dict[str, Any]:
    """When its gates are open. Raises NotThere; NotRun while the clock on the wall keeps one shut for longer than anybody waits here."""
    shut: list[Any] = []

    def once() -> dict[str, Any] | None:
        answer = rig.http.post(f"/api/v1/{path}", json=wanted)
        if answer.status_code != 201:
            raise NotThere(f"no plan: {answer.text[:500]}")
        made: dict[str, Any] = answer.json()
        shut[:] = [gate for gate in made["gates"] if gate["state"] in ("bad", "unknown")]
        if [gate["key"] for gate in shut] == ["approval"]:
            return _approved(rig, made)
        if near := next((gate["said"] for gate in shut if gate["key"] == PAYOUT and gate["state"] == "bad"), ""):
            raise NotRun(f"{wanted.get('service', path)}: {near}.")
        return None if shut else made

    try:
        return dict(until("a plan", once, seconds=60, pause=0.5))
    except NotThere as error:
        raise NotThere(f"{error}: {shut}") from error


def _approved(rig: Rig, made: dict[str, Any]) -> dict[str, Any]:
    """By somebody else; where the estate asks for nobody it does no harm."""
    rig.ask("approve", plan=made["id"])
    return made


_BEFORE: dict[str, Callable[[Rig], str]] = {
    "vpn:again": _attempt,
    "vpn:reapply": _lost_line,
    "gateway:list-allow": _listed,
    "gateway:list-close": _listed,
    "estate:start": _stopped,
}


def not_run(kind: str) -> NotRun:
    return NotRun(f"the effect {kind} is registered, and no plan that the suite draws has it: its own tests alone speak for it.")
