from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from sandbox import network
from sandbox.world import World, make_world
from tests.sandbox.hosts_fixtures import until


@dataclass
class Shop:
    """Remembers what was asked."""

    world: World
    address: str = ""
    ca_file: Path = Path()
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    status: int = 200

    def route(self, world: World, host: str, path: str, headers: Mapping[str, str], client: str) -> tuple[int, dict[str, str], bytes, str]:
        self.asked.append((headers["X-Forwarded-Proto"], host, path))
        return self.status, {"Content-Type": "text/plain"}, b"the shop", "fe-1"

    def client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return httpx.Client(proxy=self.address, verify=context, trust_env=False, timeout=10)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(make_world(tmp_path, speed=1, seed=1))
    made.address, made.ca_file, stop = network.serve(made.world, made.route, visitors=False)
    yield made
    stop()


def test_https_through_the_proxy_with_the_sandboxs_authority(shop: Shop) -> None:
    with shop.client() as client:
        answers = [client.get("https://www.client.url/a?b=c") for _ in range(3)]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "the shop")] * 3
    assert shop.asked == [("https", "www.client.url", "/a?b=c")] * 3


def test_the_authority_is_nobody_elses(shop: Shop) -> None:
    with httpx.Client(proxy=shop.address, trust_env=False, timeout=10) as client, pytest.raises(httpx.ConnectError):
        client.get("https://www.client.url/")


def test_http_in_absolute_form(shop: Shop) -> None:
    with shop.client() as client:
        assert client.get("http://www.client.url/a").text == "the shop"
    assert shop.asked == [("http", "www.client.url", "/a")]


def test_who_comes_without_a_proxy_means_the_shop(shop: Shop) -> None:
    assert httpx.get(f"{shop.address}/x", trust_env=False).text == "the shop"
    assert shop.asked == [("https", "www.client.url", "/x")]


def test_the_distributions_add_their_path(shop: Shop) -> None:
    with shop.client() as client:
        client.get("https://static.client.url/version1/a.css")
        client.get("https://media.client.url/b.jpg")
    assert [path for _, _, path in shop.asked] == ["/pub/static/version1/a.css", "/pub/media/b.jpg"]


@pytest.mark.parametrize("url", ["https://example.org/", "https://www.client.url:8443/"])
def test_no_tunnel_leads_outside(shop: Shop, url: str) -> None:
    with shop.client() as client, pytest.raises(httpx.ProxyError, match="403"):
        client.get(url)
    assert shop.asked == []


def test_no_request_leads_outside(shop: Shop) -> None:
    with shop.client() as client:
        assert client.get("http://example.org/").status_code == 502
    assert shop.asked == []


def test_a_status_and_a_head_request_pass(shop: Shop) -> None:
    shop.status = 503
    with shop.client() as client:
        answer = client.head("https://www.client.url/")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (503, b"", "8")


def test_a_client_that_goes_away_does_no_harm(shop: Shop) -> None:
    port = int(shop.address.rsplit(":", 1)[1])
    for sent in (b"", b"CONNECT www.client.url:443 HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
            wire.sendall(sent)
    with shop.client() as client:
        assert client.get("https://www.client.url/").status_code == 200


def test_visitors_come_and_are_counted(tmp_path: Path) -> None:
    made = Shop(make_world(tmp_path, speed=1, seed=1))
    _, _, stop = network.serve(made.world, made.route)
    try:
        until(lambda: made.world.visits.by_status().get(200, 0) >= 2)
        made.status = 503
        until(lambda: made.world.visits.by_status().get(503, 0) >= 1)
    finally:
        stop()
    pages = {visit.path for visit in made.world.visits.recent()}
    assert {"/", "/catalogue.html"} <= pages
    assert {visit.served_by for visit in made.world.visits.recent()} == {"fe-1"}
