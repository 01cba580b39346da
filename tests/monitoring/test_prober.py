"""The outside probe: what a visitor would have seen, second by second, from a real web server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from estate import reading, shop
from estate.definition import Service, Shop
from estate.models import ShopAnswer
from monitoring import prober
from people.models import Operator
from remote.http import Answer
from runs.models import Plan, Run
from tests import scenery

PAGE = b'<html><link href="/static/version1700000000/frontend/x.css"></html>'
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


class _Shop(BaseHTTPRequestHandler):
    answers: tuple[int, bytes] = (200, PAGE)

    def do_GET(self) -> None:
        status, body = type(self).answers
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """A quiet one."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type[_Shop], Shop]]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    handler = type("_ThisShop", (_Shop,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        yield handler, Shop(f"http://127.0.0.1:{listening.server_port}/", "/health")
        listening.shutdown()
        thread.join(5)


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, PAGE, "open"),
        (200, b"<html>Welcome to nginx</html>", "broken"),
        (200, PAGE + b"There has been an error processing your request", "broken"),
        (503, b"Service Temporarily Unavailable", "closed"),
        (503, PAGE, "closed"),
        (500, PAGE, "broken"),
        (502, b"", "broken"),
        (404, PAGE, "broken"),
        (302, PAGE, "broken"),
    ],
)
def test_a_page_is_judged_as_a_visitor_would(server: tuple[type[_Shop], Shop], status: int, body: bytes, state: str) -> None:
    handler, there = server
    handler.answers = (status, body)
    verdict = prober.ask(there)
    assert (verdict.state, verdict.status) == (state, status)


def test_the_version_of_the_statics_is_told(server: tuple[type[_Shop], Shop]) -> None:
    assert prober.ask(server[1]).statics == "1700000000"


def test_no_answer_is_silence_and_not_an_error(server: tuple[type[_Shop], Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    _, there = server
    verdict = prober.ask(replace(there, url="http://127.0.0.1:9/"))
    assert (verdict.state, verdict.status) == ("silent", None)


def test_a_cut_page_is_judged_by_what_came() -> None:
    assert prober.judge(Answer(200, {}, PAGE, 0.1, cut=True)).state == "open"


@pytest.mark.django_db
def test_each_shop_is_asked_and_each_answer_is_stored(server: tuple[type[_Shop], Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    estate = reading.current()
    played = replace(
        estate, services={key: _pointed_at(service, server[1]) for key, service in estate.services.items() if key == "magento"}
    )
    monkeypatch.setattr(prober, "current", lambda: played)
    rung: list[str] = []
    monkeypatch.setattr(prober, "publish", lambda channel, frame: rung.append(frame["changed"][0]))
    prober.probe()
    prober.probe()
    assert ShopAnswer.objects.filter(environment="production", state="open").count() == 2
    assert ShopAnswer.objects.filter(environment="pre-production", state="open").count() == 2
    assert sorted(rung) == ["shop:magento/pre-production", "shop:magento/production"]  # once each: nothing changed the second time
    server[0].answers = (503, b"")
    prober.probe()
    assert len(rung) == 4


@pytest.mark.django_db
def test_what_is_no_shop_is_asked_while_it_is_released_alone(
    server: tuple[type[_Shop], Shop], releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate = reading.current()
    pim = estate.services["pim"]
    answers = replace(pim, targets={key: replace(target, address=server[1].url) for key, target in pim.targets.items()})
    monkeypatch.setattr(prober, "current", lambda: replace(estate, services={"pim": answers}))
    prober.probe()
    assert not ShopAnswer.objects.exists(), "nobody releases it"
    plan = scenery.plan(releaser)
    Plan.objects.filter(pk=plan.pk).update(service="pim")
    run = scenery.run(Plan.objects.get(pk=plan.pk), releaser, state=Run.State.RUNNING)
    for status, body in ((200, b"any page"), (503, b""), (500, b"")):
        server[0].answers = (status, body)
        prober.probe()
    assert list(ShopAnswer.objects.order_by("time").values_list("service", "state")) == [
        ("pim", "open"),
        ("pim", "closed"),
        ("pim", "broken"),
    ]
    Run.objects.filter(pk=run.pk).update(state=Run.State.SUCCEEDED)
    prober.probe()
    assert ShopAnswer.objects.count() == 3


def _pointed_at(service: Service, there: Shop) -> Service:
    return replace(service, targets={key: replace(target, shop=there) for key, target in service.targets.items()})


def _answers(states: str, start: datetime) -> None:
    words = {"o": "open", "c": "closed"}
    ShopAnswer.objects.bulk_create(
        ShopAnswer(service="magento", environment="production", time=start + timedelta(seconds=second), state=words[letter], seconds=0.1)
        for second, letter in enumerate(states)
        if letter != " "
    )


@pytest.mark.django_db
def test_old_answers_are_joined_and_tell_the_same_downtime() -> None:
    start = NOW - timedelta(days=3)
    states = "ooooccccc" + "c" * 20 + " " * 20 + "ccccoooo"
    _answers(states, start)
    _answers("oooo", NOW - timedelta(seconds=10))
    end = start + timedelta(seconds=len(states))
    before = shop.downtime("magento", "production", start, end)
    assert prober.thin(NOW) > 0
    assert ShopAnswer.objects.filter(time__lt=end).count() == 4  # open, closed, closed after the gap, open
    assert ShopAnswer.objects.filter(time__gte=end).count() == 4  # young ones stay
    assert shop.downtime("magento", "production", start, end) == before
    assert prober.thin(NOW) == 0
