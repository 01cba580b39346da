"""The system check that reads claims.yaml before anything starts."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from handover import document


@register("handover")
def claims_file(**_: Any) -> list[CheckMessage]:
    try:
        document.load(document.FILE)
    except document.BadClaims as error:
        hint = "Correct handover/claims.yaml; its grammar is handover/claims.schema.json."
        return [Error(problem, hint=hint, id="handover.E001") for problem in error.problems]
    return []
