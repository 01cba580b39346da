"""Which strategies there are for this release, what speaks for each, and which is taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deployments.strategies import AS_WRITTEN, AWARE, prebuilt
from estate.definition import Target


@dataclass(frozen=True, slots=True)
class Offer:
    """`refused` says why it cannot be taken, and what would change that; "" where it can."""

    key: str
    title: str
    about: str
    evidence: tuple[str, ...]
    refused: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def offers(target: Target, recipe: Mapping[str, Any]) -> list[Offer]:
    """`recipe`: what the configuration runs on each host (`deployments.recipe`)."""
    commands: Sequence[Mapping[str, Any]] = recipe["commands"]
    building = prebuilt.building(commands)
    written = Offer(
        AS_WRITTEN, "As written", "The document's own steps: the shop is closed while every host builds and the first migrates.", ()
    )
    if target.plan != "magento":
        return [written]
    runs = (
        f"The configuration runs on each host: {prebuilt.in_words(building)}."
        if building
        else "The configuration builds nothing on the hosts."
    )
    no_migration = (
        ""
        if prebuilt.migrates(commands)
        else "The configuration does not run setup:upgrade: as written, nobody would migrate the database."
    )
    aware = Offer(
        AWARE,
        "Migration-aware",
        "Built once, then the new code asks the database: the shop is closed only where it has to be migrated, and then for minutes.",
        (
            f"The build host is {target.build.name} ({target.build.address})." if target.build else "estate.yaml names no build host.",
            *([] if building else [runs]),  # its refusal names them
        ),
        _refusal(target, recipe, building),
    )
    return [aware, Offer(written.key, written.title, written.about, (runs,), no_migration)]


def check_name(wanted: str) -> None:
    """Before anybody is asked. Raises ValueError for a strategy that no service has."""
    if wanted not in ("", AS_WRITTEN, AWARE):
        raise ValueError(f"There is no strategy “{wanted[:40]}” here; there is: {AS_WRITTEN}, {AWARE}.")


def choose(found: Sequence[Offer], wanted: str) -> Offer:
    """The one that is wanted; without a wish the first that can be taken. Raises ValueError with a sentence."""
    if not wanted:
        return next((offer for offer in found if not offer.refused), found[-1])
    offer = next((offer for offer in found if offer.key == wanted), None)
    if offer is None:
        raise ValueError(f"There is no strategy “{wanted[:40]}” here; there is: {', '.join(each.key for each in found)}.")
    if offer.refused:
        raise ValueError(f"“{offer.title}” cannot be taken. {offer.refused}")
    return offer


def _refusal(target: Target, recipe: Mapping[str, Any], building: Sequence[Mapping[str, Any]]) -> str:
    if recipe["wrong"]:
        return f"The configuration cannot be read: {'; '.join(recipe['wrong'])}."
    if building:
        return (
            f"The configuration still does on every host what is to be done once: {prebuilt.in_words(building)}. "
            "The patch below takes it out; or choose a branch that has it."
        )
    if target.build is None:
        return "estate.yaml names no build host for it (build:)."
    return ""
