"""The target that an address names."""

from __future__ import annotations

from django.http import Http404

from estate.definition import Target, UnknownTarget
from estate.reading import current


def target_or_404(service: str, environment: str) -> Target:
    try:
        return current().target(service, environment)
    except UnknownTarget as unknown:
        raise Http404(str(unknown)) from None
