"""The HTTP client against a small server on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from remote.errors import Refused, Unanswered, Unreachable
from remote.http import fetch


class _Shop(BaseHTTPRequestHandler):
    released = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/silent":
            self.released.wait(10)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/")
            self.end_headers()
            return
        body = self.headers.get("X-Say", "shop").encode()
        self.send_response(503 if self.path == "/closed" else 200)
        self.send_header("Content-Length", str(len(body) if self.path != "/drip" else 1000))
        self.end_headers()
        self.wfile.write(body)
        while self.path == "/drip" and not self.released.wait(0.05):
            self.wfile.write(b".")
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up is part of these tests
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    _Shop.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_any_status_is_an_answer(shop: str) -> None:
    assert (fetch(f"{shop}/").status, fetch(f"{shop}/closed").status) == (200, 503)
    answer = fetch(f"{shop}/", headers={"X-Say": "hello"})
    assert (answer.text, answer.headers["content-length"], answer.cut) == ("hello", "5", False)
    assert 0 < answer.seconds < 10


def test_a_redirect_is_followed_on_request(shop: str) -> None:
    assert fetch(f"{shop}/moved").status == 302
    assert fetch(f"{shop}/moved", follow=True).status == 200


def test_a_long_body_is_cut(shop: str) -> None:
    answer = fetch(f"{shop}/", headers={"X-Say": "x" * 100}, limit=99)
    assert (len(answer.body), answer.cut) == (99, True)
    assert not fetch(f"{shop}/", headers={"X-Say": "x" * 100}, limit=100).cut


@pytest.mark.parametrize("path", ["/silent", "/drip"])
def test_the_deadline_bounds_the_whole(shop: str, path: str) -> None:
    with pytest.raises(Unanswered):
        fetch(f"{shop}{path}", deadline=0.3)


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}/", deadline=2)


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/", "shop", "http://", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        fetch(address)


def test_the_proxy_of_the_environment_is_used(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forward proxy gets the whole address; this server answers to it as to any path."""
    monkeypatch.setenv("HTTP_PROXY", shop)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert fetch("http://www.client.test/", headers={"X-Say": "by proxy"}).text == "by proxy"
