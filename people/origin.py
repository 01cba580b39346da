"""From where the present request comes: told once, at its beginning, so that whatever is recorded on its way can say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_origin: ContextVar[str] = ContextVar("origin", default="")


def current() -> str:
    """The caller's address, and what else is known of the way; "" where nobody asked from outside."""
    return _origin.get()


@contextmanager
def coming_from(origin: str) -> Iterator[None]:
    told = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(told)


def add(more: str) -> None:
    """Behind the address, for the rest of this request: by which token, for example."""
    before = _origin.get()
    _origin.set(f"{before}, {more}" if before else more)


class KnowsOrigin:
    """Middleware. Addresses are those that the server took from a trusted proxy, or the connection's own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with coming_from(str(request.META.get("REMOTE_ADDR", ""))):
            return self.get_response(request)
