"""The system check that reads estate.yaml before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from estate.reading import EstateError, load


@register("estate")
def estate_file(**_: Any) -> list[CheckMessage]:
    try:
        load(Path(settings.ESTATE_FILE))
    except EstateError as error:
        hint = "Correct the file; its grammar is estate/schema.json."
        return [Error(str(problem), hint=hint, id="estate.E001") for problem in error.problems]
    return []
