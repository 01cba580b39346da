"""The outside probe: once a second each shop is asked what a visitor would see. The downtime clock lives on these rows alone.

What answers without being a shop is asked at its address, while it is released: what that cost is told as a shop's is.
How rows are read is `estate.shop`'s.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from estate.definition import Shop, Target
from estate.models import ShopAnswer
from estate.reading import current
from estate.shop import GAP
from live.publish import publish
from remote.errors import RemoteError
from remote.http import Answer, fetch
from runs.models import Run

log = logging.getLogger(__name__)

DEADLINE = 5.0  # seconds; a visitor has left by then
ERROR_WORDS = "There has been an error processing your request"  # Magento's own error page, whatever its status
_STATICS = re.compile(r"/static/version([0-9A-Za-z._-]{1,40})")
KEEP_EACH = timedelta(days=2)
_THIN_AT_ONCE, _JOINED_AT_ONCE = 20_000, 900  # rows; the second bounds one DELETE

_State = ShopAnswer.State


@dataclass(frozen=True, slots=True)
class Verdict:
    state: str
    status: int | None
    seconds: float
    statics: str = ""


def probe() -> None:
    """Asks every shop now, side by side; stores what each answered; rings where a shop's state is another one."""
    asked: list[tuple[Target, Callable[[], Verdict]]] = [
        (each, partial(ask, each.shop)) for each in current().targets if each.shop is not None
    ]
    asked += [(each, partial(_ask, each.address, judge_plain)) for each in _released_now()]
    if not asked:
        return
    asked_at = timezone.now()
    with ThreadPoolExecutor(len(asked)) as pool:
        verdicts = list(pool.map(lambda each: each[1](), asked))
    changed = [target for (target, _), verdict in zip(asked, verdicts, strict=True) if _store(target, verdict, asked_at)]
    for target in changed:
        publish("now", {"kind": "now", "changed": [f"shop:{target.service}/{target.environment.key}"]})


def _released_now() -> list[Target]:
    """What is no shop, has an address, and has a release at work."""
    plain = [target for target in current().targets if target.shop is None and target.address]
    if not plain:
        return []
    at_work = set(Run.objects.filter(kind="release", state__in=Run.ACTIVE).values_list("service", "environment"))
    return [target for target in plain if (target.service, target.environment.key) in at_work]


def ask(shop: Shop) -> Verdict:
    """A visitor's request: a connection of its own, no redirects."""
    return _ask(shop.url, judge)


def _ask(url: str, judged: Callable[[Answer], Verdict]) -> Verdict:
    try:
        return judged(fetch(url, deadline=DEADLINE, follow=False))
    except RemoteError as error:
        log.debug("%s is silent: %s", url, error)
        return Verdict(_State.SILENT, None, DEADLINE)


def judge(answer: Answer) -> Verdict:
    """Good is a page of Magento with its statics; 503 is closed on purpose; any other fault, and a page that is none, is broken."""
    statics = _STATICS.search(answer.text)
    version = statics[1] if statics else ""
    if answer.status == 503:
        state = _State.CLOSED
    elif answer.status == 200 and statics and ERROR_WORDS not in answer.text:
        state = _State.OPEN
    else:
        state = _State.BROKEN
    return Verdict(state, answer.status, answer.seconds, version)


def judge_plain(answer: Answer) -> Verdict:
    """Good is 200, as after a release; 503 is the load balancer's that has no host to send to; all else is broken."""
    state = {200: _State.OPEN, 503: _State.CLOSED}.get(answer.status, _State.BROKEN)
    return Verdict(state, answer.status, answer.seconds)


def _store(target: Target, verdict: Verdict, at: datetime) -> bool:
    here = ShopAnswer.objects.filter(service=target.service, environment=target.environment.key)
    before = here.order_by("-time").values_list("state", flat=True).first()
    ShopAnswer.objects.create(
        service=target.service,
        environment=target.environment.key,
        time=at,
        state=verdict.state,
        status=verdict.status,
        seconds=verdict.seconds,
        statics=verdict.statics,
    )
    return before != verdict.state


def thin(now: datetime | None = None) -> int:
    """Older than two days, equal answers in a row become one row that stands for all of them. Says how many rows went."""
    before = (now or timezone.now()) - KEEP_EACH
    gone = 0
    for target in current().targets:
        rows = ShopAnswer.objects.filter(service=target.service, environment=target.environment.key, time__lt=before).order_by("time", "pk")
        for kept, joined in in_a_row(rows[:_THIN_AT_ONCE]):
            with transaction.atomic():
                ShopAnswer.objects.filter(pk=kept.pk).update(until=joined[-1].until or joined[-1].time)
                gone += rows.filter(pk__in=[row.pk for row in joined]).delete()[0]
    return gone


def in_a_row(rows: Iterable[ShopAnswer]) -> Iterator[tuple[ShopAnswer, list[ShopAnswer]]]:
    """(the first, those after it that say the same without a gap); only where there are such."""
    first: ShopAnswer | None = None
    joined: list[ShopAnswer] = []
    for row in rows:
        if first is not None and len(joined) < _JOINED_AT_ONCE and _goes_on(joined[-1] if joined else first, row):
            joined.append(row)
            continue
        if first is not None and joined:
            yield first, joined
        first, joined = row, []
    if first is not None and joined:
        yield first, joined


def _goes_on(before: ShopAnswer, row: ShopAnswer) -> bool:
    return (row.state, row.statics) == (before.state, before.statics) and row.time - (before.until or before.time) <= GAP
