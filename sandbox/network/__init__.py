"""How the shop is reached: a forward proxy with the sandbox's own certificates, and the visitors who come all the time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.network.authority import ca_file, server_context
from sandbox.network.proxy import Proxy, Route
from sandbox.network.sinks import serve_mail
from sandbox.network.visitors import Visitors
from sandbox.world import World

__all__ = ["Route", "serve", "serve_mail"]


def serve(
    world: World, route: Route, *, visitors: bool = True, inside: Mapping[str, int] | None = None
) -> tuple[str, Path, Callable[[], None]]:
    """The proxy's address, the authority's certificate, and a function that ends both. Fetched without a proxy, the address is the shop."""
    proxy = Proxy(world, route, server_context(world), inside or {})
    threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.1}, name="proxy", daemon=True).start()
    crowd = Visitors(world, route)
    if visitors:
        crowd.start()

    def stop() -> None:
        if visitors:
            crowd.stop()
        proxy.shutdown()
        proxy.server_close()

    return f"http://127.0.0.1:{proxy.server_address[1]}", ca_file(world), stop
