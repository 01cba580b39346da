"""Every way in which this console changes the world: what P1 enumerates its cut points over.

Releases of every service, every small operation, the safe exit and the following of somebody else's deployment; which there are is asked
of the console. So a service, an operation or an effect that is new is enumerated without a word here; an effect that stands in no plan that
the suite can draw is reported as not run, by its name.

    release:SERVICE:ENVIRONMENT   (Magento's by the environment alone)   operation:KEY:SERVICE:ENVIRONMENT   exit:…   follow:…
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faults.points import NotRun
from faults.processes import NotThere, until

if TYPE_CHECKING:
    from faults.rig import Rig

SHORT = {"pre-production": "release:magento:pre-production", "production": "release:magento:production"}
ARGUMENT = "/frontend/*"  # for operations that want one; the others ignore it
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
    """Those of its plan; drawn once for each rig."""
    if name not in rig.acts:
        rig.acts[name] = [act for step in plan(rig, name, fresh=False)["steps"] for act in step["acts"]]
    return rig.acts[name]


def plan(rig: Rig, name: str, *, fresh: bool = True) -> dict[str, Any]:
    """Draws it, in a world in which it has something to do. `fresh`: what it releases has not been released yet."""
    name = SHORT.get(name, name)
    kind, *words = name.split(":")
    service, environment = words[-2:]
    about = found(rig)["ways"][name]
    if kind == "release" and fresh:
        rig.sim("actions/push-commit", message="Search: rank by stock", repository=about["repository"])
    if kind == "follow":
        rig.sim("actions/someone-else", environment=about["beanstalk"])
    if kind == "exit" or words[0] in FLAGS:
        _flags(rig, about["hosts"], there=FLAGS.get(words[0], True))
    if kind == "release":
        return _drawn(rig, "plans", service=service, environment=environment)
    if kind == "operation":
        return _drawn(rig, "operations", service=service, environment=environment, operation=words[0], argument=ARGUMENT)
    return rig.ask("draw", kind=kind, service=service, environment=environment)


def tidy(rig: Rig, name: str) -> None:
    """The shop is open again: what comes next wants to find it so."""
    name = SHORT.get(name, name)
    if name.startswith("operation:curtain-on:"):
        rig.sim("actions/no-curtain")
    if name.partition(":")[2].partition(":")[0] in FLAGS:
        _flags(rig, found(rig)["ways"][name]["hosts"], there=False)


def _flags(rig: Rig, hosts: list[str], *, there: bool) -> None:
    for host in hosts:
        flag = rig.host_root(host) / "var/app/current/var/.maintenance.flag"
        if there:
            flag.parent.mkdir(parents=True, exist_ok=True)
            flag.touch()
        else:
            flag.unlink(missing_ok=True)


def _drawn(rig: Rig, path: str, **wanted: Any) -> dict[str, Any]:
    """When its gates are open. Raises NotThere."""
    shut: list[Any] = []

    def once() -> dict[str, Any] | None:
        answer = rig.http.post(f"/api/v1/{path}", json=wanted)
        if answer.status_code != 201:
            raise NotThere(f"no plan: {answer.text[:500]}")
        made: dict[str, Any] = answer.json()
        shut[:] = [gate for gate in made["gates"] if gate["state"] in ("bad", "unknown")]
        if [gate["key"] for gate in shut] == ["approval"]:
            rig.ask("approve", plan=made["id"])
            return made
        return None if shut else made

    try:
        return dict(until("a plan", once, seconds=60, pause=0.5))
    except NotThere as error:
        raise NotThere(f"{error}: {shut}") from error


def not_run(kind: str) -> NotRun:
    return NotRun(f"the effect {kind} is registered, and no plan that the suite draws has it: its own tests alone speak for it.")
