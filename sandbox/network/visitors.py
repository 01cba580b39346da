"""Visitors of the production shop: a few pages a second, as long as the sandbox runs, counted by what they were answered."""

from __future__ import annotations

import threading
import time

from sandbox.network.proxy import SHOP, Route
from sandbox.world import World

PER_SECOND = 4.0  # real seconds: what visitors do is not sped up
_PAGES = ("/", "/catalogue.html", "/lampe-dlm-42.html", "/static/version0/frontend/Client/dlm/fr_FR/css/styles-m.css")
_PATIENCE = 5  # seconds that stopping waits for the visitor under way


class Visitors:
    """Calls `route` as the proxy does, without a wire between: the counts are about the shop, not about sockets."""

    def __init__(self, world: World, route: Route) -> None:
        self._world, self._route = world, route
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._visit, name="visitors", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(_PATIENCE)

    def _visit(self) -> None:
        n = 0
        next_at = time.monotonic()
        while not self._stopped.is_set():
            page, client = _PAGES[n % len(_PAGES)], f"203.0.113.{1 + n % 200}"
            headers = {"Host": SHOP, "User-Agent": "Mozilla/5.0", "X-Forwarded-Proto": "https", "X-Forwarded-For": client}
            status, _, _, served_by = self._route(self._world, SHOP, page, headers, client)
            self._world.visits.count(status, page, served_by)
            n += 1
            next_at = max(next_at + 1 / PER_SECOND, time.monotonic())
            self._stopped.wait(next_at - time.monotonic())
