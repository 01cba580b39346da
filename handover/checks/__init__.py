"""The checks behind the claims: small functions over what is observed, by subject. What each is told stands in `claims.yaml`.

Each answers with whether the sentence holds and with what was seen; what cannot be seen raises NotObserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from handover.checks import delivery, hosts, keeping, monitors, network, things
from handover.checks.seen import Check, Seen

__all__ = ["CHECKS", "Check", "Seen"]


def _of(module: ModuleType) -> dict[str, Check]:
    """Its public functions, those that it has from elsewhere not among them."""
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return {name: value for name, value in own.items() if callable(value) and not name.startswith("_")}


_SUBJECTS = (things, network, delivery, keeping, hosts, monitors)
CHECKS: Mapping[str, Check] = {name: check for module in _SUBJECTS for name, check in _of(module).items()}
