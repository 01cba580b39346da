"""The one authorisation function: may this person do this there? Pages, API, websockets and downloads all ask here.

Deny by default: an action that is not in the table is refused to everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from people.models import Operator, Role

_RANK = {Role.NONE: 0, Role.VIEWER: 1, Role.OPERATOR: 2, Role.RELEASER: 3, Role.ADMIN: 4}

# action -> the least role, by environment; "*" stands for every environment that is not named.
_LEAST: dict[str, dict[str, Role]] = {
    "view": {"*": Role.VIEWER},
    "plan": {"*": Role.OPERATOR, "production": Role.RELEASER},
    "release": {"*": Role.OPERATOR, "production": Role.RELEASER},
    "adopted": {"*": Role.OPERATOR, "production": Role.RELEASER},  # a deployment that somebody started elsewhere, followed here
    "operation": {"*": Role.OPERATOR, "production": Role.RELEASER},  # a small plan, such as the safe exit out of maintenance mode
    "abort": {"*": Role.OPERATOR, "production": Role.RELEASER},
    "settle": {"*": Role.OPERATOR, "production": Role.RELEASER},  # decide about a run that waits, failed or is unknown
}


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
    least = _LEAST.get(action, {}).get(environment) or _LEAST.get(action, {}).get("*")
    if least is None:
        return Decision(False, f"Nobody may “{action}”: it is in no role.")
    if not isinstance(operator, Operator) or not operator.is_active:
        return Decision(False, "Sign in first.")
    role = Role(operator.role)
    if _RANK[role] >= _RANK[least]:
        return Decision(True)
    there = f" in {environment}" if environment else ""
    return Decision(False, f"You are {_with_article(role)}; to {action}{there} one has to be {_with_article(least)}. Ask an admin.")


def require(operator: object, action: str, environment: str = "") -> Operator:
    """The operator, if they may. Raises Forbidden."""
    decision = may(operator, action, environment)
    if not decision or not isinstance(operator, Operator):
        raise Forbidden(decision.why)
    return operator


def _with_article(role: Role) -> str:
    if role is Role.NONE:
        return "without a role"
    return f"{'an' if role.value[0] in 'aeiou' else 'a'} {role.value}"
