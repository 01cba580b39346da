"""What the health board learns of the instances that are deployed by hand: do their ports answer connections from outside?"""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from deployments.by_hand import ask_ports
from estate import health
from estate.health import BAD, OK, UNKNOWN, CannotCheck, Finding
from estate.reading import current

_STATES = {"open": OK, "closed": BAD}


def register() -> None:
    health.register("Ports, from the gateway", "Windows host", ports, every=120)


def ports() -> Iterable[Finding]:
    """Each port that estate.yaml names, with a connection that is closed at once."""
    things = current().by_hand
    if not things:
        raise CannotCheck("estate.yaml names nothing under by_hand.")
    for key, thing in things.items():
        url = reverse("deployments:by-hand", args=(key,))
        for row in ask_ports(thing):
            state = _STATES.get(row.port.state, UNKNOWN)
            said = row.port.said or f"It answers connections from {thing.gateway}."
            yield Finding(f"{key}:{row.port.number}", f"{thing.instance} port {row.port.number}, {row.what}", state, said, url)
