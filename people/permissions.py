"""The one authorisation function: may this person do this there? Pages, API, websockets and downloads all ask here.

Deny by default: an action that is not in the table is refused to everybody; an environment that is not opened to operators is guarded as
production is, whatever its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from people import audit
from people.models import Operator, Role
from remote import observing

_RANK = {Role.NONE: 0, Role.VIEWER: 1, Role.OPERATOR: 2, Role.RELEASER: 3, Role.ADMIN: 4}

# environment -> the least role that changes anything there; "*" stands for every environment that is not named.
_CHANGE: dict[str, Role] = {"*": Role.RELEASER, "pre-production": Role.OPERATOR, "shared": Role.OPERATOR}
_LEAST: dict[str, dict[str, Role]] = {
    "view": {"*": Role.VIEWER},
    "plan": _CHANGE,
    "release": _CHANGE,
    "adopted": _CHANGE,  # a deployment that somebody started elsewhere, followed here
    "operation": _CHANGE,  # a small plan, such as the safe exit out of maintenance mode
    "acknowledge": {"*": Role.OPERATOR},  # an alarm
    "mute": {"*": Role.OPERATOR},  # alarms, for a window
    "alarm": {"*": Role.RELEASER},  # an alarm's definition, and who is told of it
    "abort": _CHANGE,
    "note": {"*": Role.OPERATOR},  # what was changed by hand: whoever did it writes it down
    "rundeck": _CHANGE,  # run a job that still lives there
    "approve": _CHANGE,  # somebody else's plan
    "break-glass": {"*": Role.ADMIN},  # release in a freeze all the same
    "vpn": {"*": Role.OPERATOR},  # make, renew, suspend and revoke VPN users
    "allow-own": {"*": Role.OPERATOR},  # oneself, for two hours; and what ends by itself
    "ftp-password": _CHANGE,
    "allow": {"*": Role.ADMIN},  # others, and networks
    "notify": {"*": Role.VIEWER},  # one's own channels
    "notify-team": {"*": Role.ADMIN},
    "estate": _CHANGE,  # a snapshot, an invalidation, a host that is started
    "claims": {"*": Role.RELEASER},  # answer a question of the hand-over document, accept what differs
    "settle": _CHANGE,  # decide about a run that waits, failed or is unknown
}
_LOOKS = (
    "view",
    "plan",
    "claims",
    "note",
    "notify",
    "notify-team",
)  # what observe mode leaves: nothing outside
_told: list[Callable[[str], str]] = []


def register_least_role(least_role: Callable[[str], str]) -> None:
    """Told from above: the role that the estate's own file wants of whoever changes this environment; "" where it says nothing."""
    if least_role not in _told:
        _told.append(least_role)


@dataclass(frozen=True, slots=True)
class Decision:
    """`why` is a sentence for the person where the answer is no."""

    allowed: bool
    why: str = ""

    def __bool__(self) -> bool:
        return self.allowed


class Forbidden(Exception):
    """The person may not do this. `str(error)` says why, and who may."""


def may(operator: object, action: str, environment: str = "") -> Decision:
    """`operator` is anything a request may carry as its user; strangers are refused everything."""
    least = _least(_LEAST.get(action, {}), environment)
    if least is None:
        return Decision(False, f"Nobody may “{action}”: it is in no role.")
    if not isinstance(operator, Operator) or not operator.is_active:
        return Decision(False, "Sign in first.")
    role = Role(operator.role)
    if _RANK[role] >= _RANK[least]:
        return Decision(True) if action in _LOOKS or not observing.is_on() else Decision(False, f"{observing.WHY} {observing.NEXT}")
    there = f" in {environment}" if environment else ""
    return Decision(False, f"You are {_with_article(role)}; to {action}{there} one has to be {_with_article(least)}. Ask an admin.")


def require(operator: object, action: str, environment: str = "") -> Operator:
    """The operator, if they may. Raises Forbidden, and records that: ask before a transaction begins, which would take it back."""
    decision = may(operator, action, environment)
    if not decision or not isinstance(operator, Operator):
        by = operator if isinstance(operator, Operator) else None
        audit.record(action, by=by, target=environment or "the console", why=decision.why, result="refused")
        raise Forbidden(decision.why)
    return operator


def _least(rules: dict[str, Role], environment: str) -> Role | None:
    said = next(filter(None, (least_role(environment) for least_role in _told)), "") if rules is _CHANGE else ""
    return Role(said) if said else rules.get(environment, rules.get("*"))


def _with_article(role: Role) -> str:
    if role is Role.NONE:
        return "without a role"
    return f"{'an' if role.value[0] in 'aeiou' else 'a'} {role.value}"
