"""The health board's share in what the front page says is wrong."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from deployments.troubles import Trouble
from estate.health import BAD
from estate.reading import current
from monitoring.board import checking
from monitoring.board.models import CheckSource

TOLD = {"Beanstalk", "Instances and target groups", "IPSec tunnels"}  # by troubles of their own; so are the shops
NAMED = 4


def of_health(stored: Iterable[CheckSource]) -> tuple[Trouble, ...]:
    """What is proven to be broken now, and nothing else on this page tells of. One line, however much it is."""
    shops = {target.shop.url for target in current().targets if target.shop}
    shown = [each for group in checking.board_of(stored, {}) if group.name not in TOLD for each in group.shown]
    broken = [each.finding for each in shown if each.state == BAD and each.finding.key not in shops]
    if not broken:
        return ()
    page = reverse("monitoring:health")
    if len(broken) == 1:
        return (Trouble("bad", f"Broken: {broken[0].title}", broken[0].said, url=page, link="Health"),)
    names = ", ".join(each.title for each in broken[:NAMED])
    more = f" and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    return (Trouble("bad", f"{len(broken)} things are broken", f"{names}{more}.", url=page, link="Health"),)
