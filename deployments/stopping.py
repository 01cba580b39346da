"""What each way to stop a release leaves behind, from the steps that have begun. Pure: no questions, no database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deployments.strategies import AWARE
from runs.models import Run, Step

_TAKE_OUT = "The alarm on every page has the button that takes them out."


def of_release(run: Run, steps: Sequence[Step]) -> dict[str, list[str]]:
    facts = run.plan.document["facts"]
    new, old = facts.get("label", ""), facts.get("previous_label") or "the version before"
    current = next((step for step in steps if step.state not in Step.FINISHED), None)
    begun = {step.key for step in steps if step.state != Step.State.PLANNED}
    broken = current.key if current is not None and current.key in begun else ""
    shut = "maintenance-on" in begun and "maintenance-off" not in begun
    left = list(_behind_the_curtain(begun))
    on_hosts = facts.get("strategy") != AWARE  # who migrates: Beanstalk's leader, while it deploys
    return {
        Run.Cancel.AFTER_STEP.value: [*_between(steps, begun, new, old, on_hosts=on_hosts), *_shop(shut), *left],
        Run.Cancel.ABORT.value: [
            *_broken(broken, steps, begun, new, old, on_hosts=on_hosts),
            *_shop(shut or broken == "maintenance-off"),
            *left,
        ],
        Run.Cancel.STOP_WATCHING.value: [*_unwatched(broken), *_shop(shut), *left],
    }


def _between(steps: Sequence[Step], begun: set[str], new: str, old: str, *, on_hosts: bool) -> Iterator[str]:
    """What has been begun counts as finished by then."""
    deploying = [step for step in steps if step.key.startswith("deploy-")]
    done, left = [step for step in deploying if step.key in begun], [step for step in deploying if step.key not in begun]
    if not begun - {"preflight", "check-versions", "build"}:
        yield "Nothing has been changed."
    elif not done:
        yield f"The code stays as it is: {old} everywhere."
    elif left:
        yield f"{new} is on {_tiers(done)}, {old} still on {_tiers(left)}; {_database(steps, begun, new, on_hosts=on_hosts)}."
    else:
        yield f"{new} everywhere{', its migration included' if on_hosts or 'migrate' in begun else ''}."
    statics = [step for step in steps if step.key.startswith("statics-") and step.key not in begun]
    if "clear-statics" in begun and statics:
        yield "The old statics are deleted and the new ones are not there: pages come without styles and scripts until they are generated."


def _database(steps: Sequence[Step], begun: set[str], new: str, *, on_hosts: bool) -> str:
    if on_hosts:
        return f"the database may be migrated for {new}"
    if any(step.key == "migrate" for step in steps):
        return f"the database {'is' if 'migrate' in begun else 'has not been'} migrated for {new}"
    return "the database fits both, by what it answered"


def _broken(key: str, steps: Sequence[Step], begun: set[str], new: str, old: str, *, on_hosts: bool) -> Iterator[str]:
    if key.startswith("deploy-"):
        yield f"The running batch ends its commands first. Hosts that were done keep {new}, the others {old}: versions are mixed."
        if on_hosts:
            yield "A migration that has begun on the leader is not taken back."
        if earlier := [step for step in steps if step.key.startswith("deploy-") and step.key in begun - {key}]:
            yield f"{new} stays on {_tiers(earlier)}."
    elif key == "clear-statics" or key.startswith("statics-"):
        yield "The statics are half there: some pages come without styles and scripts until they are generated anew."
    elif key.startswith("maintenance-"):
        yield "Maintenance mode may be on for some hosts and off for others."
    else:
        yield from _between(steps, begun - {key}, new, old, on_hosts=on_hosts)
        if key == "migrate":
            yield "But what of the migration has run is not taken back; going on from this step runs the rest of it."


def _unwatched(key: str) -> Iterator[str]:
    if key.startswith("deploy-"):
        yield "Beanstalk goes on host by host, and stops by itself at the first that fails; nobody is told by the console."
    elif key:
        yield "What runs on the hosts ends there; its output and its exit code wait for the next look."


def _shop(shut: bool) -> Iterator[str]:
    if shut:
        yield f"Hosts that are in maintenance mode then stay in it: their visitors get 503. {_TAKE_OUT}"


def _behind_the_curtain(begun: set[str]) -> Iterator[str]:
    if "curtain-on" in begun and "curtain-off" not in begun:
        yield "The curtain stays drawn: visitors get 503 until it is opened."
    if "cron-stop" in begun and "cron-start" not in begun:
        yield "Cron stays stopped."


def _tiers(steps: Sequence[Step]) -> str:
    return " and ".join(step.title.removeprefix("Deploy ") for step in steps)
