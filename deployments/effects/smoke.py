"""The shop as a tester sees it behind the curtain: through the load balancer, with the run's pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments.strategies import curtain
from estate.reading import current
from remote.errors import RemoteError
from remote.http import fetch
from runs.effects import Context, Done, Failed, Finding, Running
from runs.models import Effect
from runs.plan import Act

GOOD_PAGES = 4
PATIENCE = timedelta(seconds=60)  # for caches that fill, and for a host that is just coming back
ANSWER_SECONDS = 6.0
_STATICS = re.compile(r'(/static/version[0-9A-Za-z._-]{1,40}/[^"\s]+\.css)')


class Smoke:
    """Params: service, environment, label."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        target = current().target(act.params["service"], act.params["environment"])
        if target.shop is None:
            return Done("it has no shop that could be tried")
        complaint = self._complaint(target.shop.url, context)
        if not complaint:
            return Done(f"{GOOD_PAGES} of {GOOD_PAGES} pages good behind the curtain, and their style sheet is there")
        if timezone.now() - context.intent_at > PATIENCE:
            return Failed(f"{complaint} The curtain stays closed: mend it, then go on from here.")
        return Running(complaint, ask_again=1)

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"

    def _complaint(self, url: str, context: Context) -> str:
        headers = {curtain.HEADER: curtain.pass_of(_owner(context))}
        try:
            sheet = ""
            for _ in range(GOOD_PAGES):
                page = fetch(url, deadline=ANSWER_SECONDS, headers=headers)
                found = _STATICS.search(page.text)
                if page.status != 200 or found is None:
                    return f"Behind the curtain {url} answers {page.status}{'' if found else ' without its statics'}."
                sheet = found[1]
            style = fetch(url.rstrip("/") + sheet, deadline=ANSWER_SECONDS, headers=headers)
        except RemoteError as error:
            return f"{url} does not answer: {error}."
        return "" if style.status == 200 else f"The style sheet {sheet} answers {style.status}."


def _owner(context: Context) -> int:
    """Whose pass it is: a run may have taken over the curtain of the one that failed before it."""
    rules = Effect.objects.filter(run=context.run, kind="balancer.rule", state=Effect.State.DONE)
    told = rules.order_by("-pk").values_list("answer", flat=True).first() or {}
    return int(told.get("run") or context.run)
