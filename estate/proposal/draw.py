"""The whole proposal: what was seen, as the document that estate.yaml is, with every doubt beside it. Pure."""

from __future__ import annotations

from zoneinfo import available_timezones

from estate.proposal.around import draw_alarms, draw_rundeck, draw_ways_in
from estate.proposal.draft import Draft
from estate.proposal.names import BEFORE, PRODUCTION, SHARED, first_words
from estate.proposal.seen import Seen
from estate.proposal.targets import draw_services


class NothingSeen(Exception):
    """No Beanstalk environment was seen, by any way: there is nothing to propose a service from."""


def draw(seen: Seen, *, city: str) -> Draft:
    """`city` is AWS's word for where the region is. Raises NothingSeen."""
    if not seen.environments:
        raise NothingSeen("No Beanstalk environment was found, neither by Beanstalk itself nor by the tags of hosts.")
    client = " ".join(first_words([each.name for each in seen.environments])).capitalize()
    draft = Draft({"observe": True, "name": f"{client} estate".strip().capitalize()[:80], "time_zone": _zone(city), "region": seen.region})
    draft.doubt("observe", why="looks at everything and changes nothing, until you take this line away")
    draft.doubt("name", why="what you call it")
    draft.doubt("time_zone", why=f"guessed from the region ({city})" if draft.document["time_zone"] != "UTC" else "yours")
    draft.document["environments"] = {}
    draft.document["freezes"] = []
    draft.doubt("freezes", why="times in which nothing is released")
    belongs = draw_services(seen, draft)
    draw_ways_in(seen, draft)
    draw_rundeck(seen, draft)
    draw_alarms(seen, draft, belongs)
    draft.document["environments"] = _environments({environment for _, environment in belongs.values()})
    draft.doubt("environments", "*", "name", why="what people call it")
    return draft


def _environments(keys: set[str]) -> dict[str, dict[str, object]]:
    """Production, where its name is typed before anything changes, and what is shared are always there."""
    others = sorted(keys - {PRODUCTION, BEFORE, SHARED})
    known = [PRODUCTION, *([BEFORE] if BEFORE in keys else []), *others, SHARED]
    return {each: {"name": each.capitalize(), **({"confirm": True} if each == PRODUCTION else {})} for each in known}


def _zone(city: str) -> str:
    """The time zone of that name, where there is one."""
    return next(
        (zone for zone in sorted(available_timezones()) if "/" in zone and zone.rpartition("/")[2] == city.replace(" ", "_")), "UTC"
    )
