"""The one authorisation function: may this person do this there? Pages, API, websockets and downloads all ask here.

Deny by default: an action that is not in the table is refused to everybody; an environment that is not opened to operators is guarded as
production is, whatever its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from people import audit, second_factor
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
    "drain": {"*": Role.ADMIN},  # the whole console: nothing new begins, until it is lifted
    "people": {"*": Role.ADMIN},  # let in, shut out, roles, sessions and tokens of others
    "token": {"*": Role.VIEWER},  # one's own
    "audit-export": {"*": Role.ADMIN},
}
WORDS = {  # what each is, as a sentence says it after “to”
    "view": "see everything but secrets",
    "plan": "make plans",
    "release": "release",
    "adopted": "follow a deployment that began elsewhere",
    "operation": "run small operations",
    "acknowledge": "acknowledge alarms",
    "mute": "mute alarms for a while",
    "alarm": "change alarms and who is told of them",
    "abort": "stop a run",
    "note": "write down what was changed by hand",
    "rundeck": "run jobs that still live in Rundeck",
    "approve": "approve somebody else's plan",
    "break-glass": "release in a freeze all the same",
    "vpn": "make, renew and revoke VPN users",
    "allow-own": "allow one's own address for two hours",
    "ftp-password": "change the FTP password",
    "allow": "allow addresses of others and networks",
    "notify": "choose what one is told and where",
    "notify-team": "choose what the team is told and where",
    "estate": "make snapshots, invalidate paths and start hosts",
    "claims": "answer and accept claims of the hand-over document",
    "settle": "decide about a run that waits",
    "drain": "drain the console",
    "people": "let people in and change roles",
    "token": "have tokens of one's own",
    "audit-export": "take the audit trail away",
}
_LOOKS = (
    "view",
    "plan",
    "claims",
    "note",
    "notify",
    "notify-team",
    "drain",
    "people",
    "token",
    "audit-export",
)  # what observe mode leaves: nothing outside
# The second factor is asked for again: always, or where releasing takes a releaser. Not for stopping something: that must be quick.
_PROVEN_ANYWHERE = frozenset(["people", "token", "vpn", "allow", "allow-own", "ftp-password", "break-glass", "drain"])
_PROVEN_IN_PRODUCTION = frozenset(["release", "adopted", "operation", "settle", "approve", "rundeck", "estate"])
_told: list[Callable[[str], str]] = []
_places: list[Callable[[], list[str]]] = []


def register_least_role(least_role: Callable[[str], str]) -> None:
    """Told from above: the role that the estate's own file wants of whoever changes this environment; "" where it says nothing."""
    if least_role not in _told:
        _told.append(least_role)


def register_environments(names: Callable[[], list[str]]) -> None:
    """Told from above: which environments there are."""
    if names not in _places:
        _places.append(names)


@dataclass(frozen=True, slots=True)
class Decision:
    """`why` is a sentence for the person where the answer is no."""

    allowed: bool
    why: str = ""
    takes: str = ""  # the least role, where it is that which is missing

    def __bool__(self) -> bool:
        return self.allowed


class Forbidden(Exception):
    """The person may not do this. `str(error)` says why, and who may."""


def may(operator: object, action: str, environment: str = "", *, planning: bool = False) -> Decision:
    """`operator` is anything a request may carry as its user; strangers are refused everything.

    `planning`: only a plan is drawn for it, which changes nothing, so that observe mode leaves it.
    """
    least = _least(_LEAST.get(action, {}), environment)
    if least is None:
        return Decision(False, f"Nobody may “{action}”: it is in no role.")
    if not isinstance(operator, Operator) or not operator.is_active:
        return Decision(False, "Sign in first.")
    if second_factor.is_missing(operator):
        return Decision(False, "Set up your second factor first: under your name, “Your sign-in”.")
    if operator.token is not None and (why := operator.token.why_not(action, environment)):
        return Decision(False, why)
    role = Role(operator.role)
    if _RANK[role] >= _RANK[least]:
        looks = planning or action in _LOOKS
        return Decision(True) if looks or not observing.is_on() else Decision(False, f"{observing.WHY} {observing.NEXT}")
    there = f" in {environment}" if environment and _LEAST[action] is _CHANGE else ""
    return Decision(
        False,
        f"You are {_with_article(role)}; to {WORDS[action]}{there} one has to be {_with_article(least)}. Ask an admin.",
        _with_article(least),
    )


def require(operator: object, action: str, environment: str = "", *, planning: bool = False) -> Operator:
    """The operator, if they may. Raises Forbidden, and records that: ask before a transaction begins, which would take it back."""
    decision = may(operator, action, environment, planning=planning)
    if not decision or not isinstance(operator, Operator):
        by = operator if isinstance(operator, Operator) else None
        audit.record(action, by=by, target=environment or "the console", why=decision.why, result="refused")
        raise Forbidden(decision.why)
    if _wants_proof(action, environment) and second_factor.is_stale(operator):
        raise second_factor.ProveAgain
    return operator


def environments() -> list[str]:
    """Those that the table or the estate's file names, for a page that shows who may do what."""
    known = [name for name in _CHANGE if name != "*"]
    return list(dict.fromkeys(["production", *(name for told in _places for name in told()), *known]))


def actions() -> list[str]:
    """All that there are, for a page that shows who may do what."""
    return list(_LEAST)


def _wants_proof(action: str, environment: str) -> bool:
    if action in _PROVEN_ANYWHERE:
        return True
    least = _least(_LEAST[action], environment)
    return action in _PROVEN_IN_PRODUCTION and least is not None and _RANK[least] >= _RANK[Role.RELEASER]


def _least(rules: dict[str, Role], environment: str) -> Role | None:
    said = next(filter(None, (least_role(environment) for least_role in _told)), "") if rules is _CHANGE else ""
    return Role(said) if said else rules.get(environment, rules.get("*"))


def _with_article(role: Role) -> str:
    if role is Role.NONE:
        return "without a role"
    return f"{'an' if role.value[0] in 'aeiou' else 'a'} {role.value}"
