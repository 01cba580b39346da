"""No curtain stays drawn unnoticed: the load balancers are asked every so often, and one without a run at work becomes an alert.

The alert is the guard's kind of alert, shown on every page of the environment; it ends when the curtain is seen to be open. Nothing is
opened here: a run that stands still may go on behind its curtain, and holds its lock against whoever plans to open it.
"""

from __future__ import annotations

import itertools
import logging
from datetime import datetime

from django.utils import timezone

from deployments.guard import is_at_work, why_not
from deployments.models import Alert
from deployments.strategies import curtain
from deployments.strategies.curtain import Drawn
from estate.definition import Target
from estate.reading import current
from live.publish import publish
from remote.aws.session import without_retries
from remote.errors import RemoteError, Throttled
from runs import draining
from runs.models import Run

log = logging.getLogger(__name__)

EVERY = 15.0  # seconds
_turns = itertools.count()


def check() -> None:
    """Every shop, each time another one first. A load balancer that does not answer changes nothing: what was said stays said."""
    shops = [target for target in current().targets if target.shop is not None and target.build is not None]
    first = next(_turns) % max(1, len(shops))
    for target in (*shops[first:], *shops[:first]):
        try:
            with without_retries():  # it comes again soon enough
                place = curtain.place_of(target)
                found = curtain.drawn(target, [listener for listener, _ in place.listeners]) if place is not None else []
        except RemoteError as error:
            log.info("the load balancer of %s cannot be asked: %s", target.name, error)
            if isinstance(error, Throttled):
                return  # so would the next be: AWS counts an account's calls. It is the first the next time
            continue
        tell(target, found, timezone.now())


def tell(target: Target, found: list[Drawn], now: datetime) -> None:
    """Raises, renews or ends the target's alert."""
    mine = Alert.objects.filter(service=target.service, environment=target.environment.key, kind=Alert.Kind.CURTAIN, ended=None)
    left = [each for each in found if not is_at_work(each.run)]
    if not left:
        changed = bool(mine.update(ended=now))
    else:
        run = draining.marked().filter(number=left[0].run).first()
        since = min((each.since for each in left if each.since), default=now)
        said = f"{_whose(run, left[0])} Health checks and testers still reach the hosts."
        told = {
            "title": f"{target.name}: the curtain is drawn, visitors get 503 from the load balancer",
            "said": said,
            "run": run,
            "seen": now,
        }
        changed = not mine.update(**told)
        if changed:
            place = {"service": target.service, "environment": target.environment.key, "kind": Alert.Kind.CURTAIN}
            Alert.objects.create(**place, **told, since=since, hosts=[])
            log.warning("%s. %s", told["title"], said)
    if changed:
        publish("now", {"kind": "now", "changed": [f"alert:{target.service}/{target.environment.key}"]})


def _whose(run: Run | None, drawn: Drawn) -> str:
    if run is None:
        return f"Run {drawn.run} drew it, and the console does not know that run." if drawn.run else "Nobody knows who drew it."
    if run.state == Run.State.SUCCEEDED:
        return f"Run {run.number}, “{run.title}”, drew it and left it so."
    return f"Run {run.number}, “{run.title}”, drew it and is {run.state}.{why_not(run)}"
