"""What the inventory lists of a kind now, or why that cannot be said."""

from __future__ import annotations

from estate import inventory
from estate.health import CannotCheck
from estate.models import Resource


def listed(kind: str) -> list[Resource]:
    """Raises CannotCheck where the inventory could not read them, or has not yet."""
    source = next(each for each in inventory.sources() if kind in each.kinds)
    row = inventory.asked().get(source.name)
    if row is None or row.answered is None:
        raise CannotCheck(f"The inventory has not read them yet. {row.error if row else ''}".strip())
    if row.error and row.failures:
        raise CannotCheck(row.error)
    return list(Resource.objects.filter(kind=kind, gone=None))
