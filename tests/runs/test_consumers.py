"""Websockets: every line once and in order, whenever one joins and whatever gets lost; strangers get nothing."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.auth import get_user
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from live import hub as live_hub
from live import publish as publishing
from live import wire
from live.hub import hub
from live.publish import publish
from opsconsole.asgi import application
from people import actions, sessions
from people.models import Operator, Role
from runs import consumers, doorbell, log
from runs.log import Log
from runs.models import Run
from tests.runs.conftest import Start
from tests.runs.world import World
from tests.valkey import Valkey, running
from tests.websocket import Websocket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(start: Start, world: World) -> Run:
    return start()


@pytest.fixture(autouse=True)
def redis_is_there(quick: None, valkey: Valkey) -> None:
    """After `quick`, which takes it away."""


def headers(operator: Operator | None, origin: str = "http://testserver") -> list[tuple[bytes, bytes]]:
    client = Client()
    if operator is not None:
        client.force_login(operator)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return [(b"origin", origin.encode()), (b"cookie", cookies.encode())]


class Page:
    """What a page that watches a run has got."""

    def __init__(self, socket: Websocket) -> None:
        self.socket = socket
        self.lines: list[str] = []
        self.last = 0
        self.version = -1

    async def get(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self.socket.hear())
        if frame["kind"] == "lines":
            assert frame["first"] == self.last + 1, "a gap, or a line twice"
            for chunk in frame["chunks"]:
                assert chunk["first"] == self.last + 1
                texts = chunk["text"].split("\n")
                self.lines += texts
                self.last += len(texts)
            assert frame["last"] == self.last
        else:
            self.version = max(self.version, frame.get("version", -1))
        return frame

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():
                await self.get()


@asynccontextmanager
async def watching(run: Run, operator: Operator, query: str = "") -> AsyncIterator[Page]:
    socket = Websocket(application, f"/ws/runs/{run.number}/{query}", await sync_to_async(headers)(operator))
    assert await socket.connect()
    try:
        yield Page(socket)
    finally:
        await socket.disconnect()


@pytest.fixture
async def connected_hub() -> AsyncIterator[None]:
    yield
    await hub().close()


@sync_to_async
def write(run: Run, first: int, last: int) -> None:
    with Log(run.number) as writing:
        for number in range(first, last + 1):
            writing.out("fe-1").write(f"Zeile {number}\n".encode())


def expected(last: int, first: int = 1) -> list[str]:
    return [f"Zeile {number}" for number in range(first, last + 1)]


async def test_lines_arrive_while_one_watches(run: Run, viewer: Operator, connected_hub: None) -> None:
    async with watching(run, viewer) as page:
        await page.get()
        await asyncio.wait_for(hub().connected(), 10)
        await write(run, 1, 500)
        await page.until(lambda: page.last >= 500)
        assert page.lines == expected(500)


async def test_a_late_joiner_gets_everything_once(run: Run, viewer: Operator, connected_hub: None) -> None:
    await write(run, 1, 3000)
    writing = asyncio.create_task(write(run, 3001, 6000))
    async with watching(run, viewer) as page:
        await page.until(lambda: page.last >= 6000)
    await writing
    assert page.lines == expected(6000)


async def test_a_page_that_has_lines_gets_what_is_above_them(run: Run, viewer: Operator, connected_hub: None) -> None:
    await write(run, 1, 100)
    async with watching(run, viewer, "?after=90") as page:
        page.last = 90
        await page.until(lambda: page.last >= 100)
        assert page.lines == expected(100, 91)
        page.last = 95
        await page.socket.say(json.dumps({"after": 95}))
        await page.until(lambda: page.last >= 100)
        assert page.lines == expected(100, 91) + expected(100, 96)


@pytest.mark.parametrize("message", ["", "{}", "[]", '{"after": -1}', '{"after": "1"}', '{"after": true}', "\x00", '{"after": 1e99}'])
async def test_nonsense_from_a_page_is_ignored(run: Run, viewer: Operator, connected_hub: None, message: str) -> None:
    async with watching(run, viewer) as page:
        await page.socket.say(message)
        await write(run, 1, 3)
        await page.until(lambda: page.last >= 3)


async def test_a_lost_frame_is_read_from_the_database(
    run: Run, viewer: Operator, connected_hub: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(run, viewer) as page:
        await page.get()
        await asyncio.wait_for(hub().connected(), 10)
        with monkeypatch.context() as patch:
            patch.setattr(log, "publish", lambda channel, frame: False)
            await write(run, 1, 50)
        await write(run, 51, 60)
        await page.until(lambda: page.last >= 60)
        assert page.lines == expected(60)


async def test_frames_out_of_order_make_no_difference(
    run: Run, viewer: Operator, connected_hub: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[tuple[str, Any]] = []
    async with watching(run, viewer) as page:
        await page.get()
        await asyncio.wait_for(hub().connected(), 10)
        with monkeypatch.context() as patch:
            patch.setattr(log, "publish", lambda channel, frame: held.append((channel, frame)))
            await write(run, 1, 10)
            await write(run, 11, 20)
        for channel, frame in reversed(held):
            await sync_to_async(publish)(channel, frame)
        await write(run, 21, 21)
        await page.until(lambda: page.last >= 21)
        assert page.lines == expected(21)


async def test_a_slow_viewer_loses_nothing_and_slows_nobody(
    run: Run, viewer: Operator, connected_hub: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "INBOX", 2000)
    go_on = asyncio.Event()
    send = consumers.RunConsumer.send

    async def slow(self: consumers.RunConsumer, **what: Any) -> None:
        if self.scope["query_string"] == b"slow":
            await go_on.wait()
        await send(self, **what)

    monkeypatch.setattr(consumers.RunConsumer, "send", slow)
    async with watching(run, viewer, "?slow") as behind, watching(run, viewer) as page:
        await write(run, 1, 4000)
        await page.until(lambda: page.last >= 4000)
        assert behind.last == 0
        go_on.set()
        await behind.until(lambda: behind.last >= 4000)
        assert behind.lines == page.lines == expected(4000)


async def test_redis_may_go_and_come_back_empty(
    run: Run, viewer: Operator, connected_hub: None, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "QUIET", 0.2)
    async with watching(run, viewer) as page:
        await page.get()
        await asyncio.wait_for(hub().connected(), 10)
        await write(run, 1, 10)
        await page.until(lambda: page.last >= 10)
        valkey.stop()
        await write(run, 11, 20)
        valkey.start()
        await page.until(lambda: page.last >= 20)
        await write(run, 21, 31)
        await page.until(lambda: page.last >= 31)
        assert page.lines == expected(31)


async def test_of_two_that_carry_frames_its_own_may_go_and_come_back(
    run: Run, viewer: Operator, connected_hub: None, valkey: Valkey, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "QUIET", 0.2)
    with running() as second:
        settings.LIVE_REDIS_URLS = [valkey.url, second.url]
        its_own = next(server for server in (valkey, second) if server.url == wire.shard_of(doorbell.channel(run.number)))
        async with watching(run, viewer) as page:
            await page.get()
            await asyncio.wait_for(hub().connected(), 10)
            its_own.stop()
            await write(run, 1, 10)
            await page.until(lambda: page.last >= 10)
            its_own.start()
            await asyncio.wait_for(hub().connected(), 10)
            monkeypatch.setattr(consumers, "QUIET", 3600.0)
            monkeypatch.setattr(publishing, "_away_until", {})  # a second later
            await write(run, 11, 20)
            await page.until(lambda: page.last >= 20)
            assert page.lines == expected(20)
        await hub().close()
        wire.client(second.url).close()


async def test_a_change_of_state_rings_the_doorbell(run: Run, viewer: Operator, connected_hub: None, releaser: Operator) -> None:
    from runs import actions

    async with watching(run, viewer) as page:
        await page.get()
        await asyncio.wait_for(hub().connected(), 10)
        changed = await sync_to_async(actions.cancel_run)(run, Run.Cancel.ABORT, by=releaser)
        await page.until(lambda: page.version >= changed.revision)


async def test_now_gets_every_doorbell_and_no_lines(run: Run, viewer: Operator, connected_hub: None) -> None:
    socket = Websocket(application, "/ws/now/", await sync_to_async(headers)(viewer))
    assert await socket.connect()
    await asyncio.wait_for(hub().connected(), 10)
    await write(run, 1, 3)
    await sync_to_async(publish)("now", {"kind": "state", "what": "hosts"})
    frames = [json.loads(await socket.hear()), json.loads(await socket.hear())]
    assert frames == [{"kind": "state"}, {"kind": "state", "what": "hosts"}]
    await socket.disconnect()


@pytest.mark.parametrize("who", ["nobody", "stranger", "elsewhere", "missing"])
async def test_who_may_not_watch_is_refused(run: Run, viewer: Operator, stranger: Operator, who: str, connected_hub: None) -> None:
    number = run.number + (1 if who == "missing" else 0)
    person = {"nobody": None, "stranger": stranger}.get(who, viewer)
    origin = "https://elsewhere.example" if who == "elsewhere" else "http://testserver"
    socket = Websocket(application, f"/ws/runs/{number}/", await sync_to_async(headers)(person, origin))
    assert not await socket.connect()
    await socket.disconnect()


@pytest.mark.parametrize("how", ["role", "sign-out", "inactive"])
async def test_who_may_no_longer_watch_is_shown_out(
    run: Run, viewer: Operator, connected_hub: None, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(consumers, "CHECK_AGAIN", 0.05)
    async with watching(run, viewer) as page:
        await page.get()

        @sync_to_async
        def take_away() -> None:
            from django.contrib.sessions.models import Session

            if how == "role":
                Operator.objects.filter(pk=viewer.pk).update(role=Role.NONE)
            elif how == "inactive":
                Operator.objects.filter(pk=viewer.pk).update(is_active=False)
            else:
                Session.objects.all().delete()

        await take_away()
        async with asyncio.timeout(10):
            while (message := await page.socket.output())["type"] != "websocket.close":
                pass
        assert message["code"] == consumers.REFUSED


ENDINGS: dict[str, Callable[[Client, Operator, Operator], Any]] = {
    "signs out": lambda client, person, admin: client.post("/sign-out/"),
    "ended elsewhere": lambda client, person, admin: sessions.end(person),
    "role taken": lambda client, person, admin: actions.change_role(person, "none", by=admin),
    "shut out": lambda client, person, admin: actions.change_active(person, False, by=admin),
    "by the command": lambda client, person, admin: call_command("operator", person.username, "--role", "none", stdout=io.StringIO()),
    "sits idle": lambda client, person, admin: idle(client),
    "new password": lambda client, person, admin: new_password(person),
}


def idle(client: Client) -> None:
    session = client.session
    session["active"] -= 31 * 60
    session.save()
    client.get("/")


def new_password(person: Operator) -> None:
    path = actions.welcome(person).removeprefix("http://testserver")
    client, words = Client(), "four words nobody guesses"
    client.post(client.get(path, follow=True).redirect_chain[-1][0], {"new_password1": words, "new_password2": words})


def signed_in(person: Operator) -> tuple[Client, list[tuple[bytes, bytes]]]:
    client = Client()
    client.force_login(person)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return client, [(b"origin", b"http://testserver"), (b"cookie", cookies.encode())]


@pytest.mark.parametrize("path", ["/ws/now/", "/ws/runs/{run}/", "/ws/tail/"])
@pytest.mark.parametrize("how", ENDINGS)
async def test_a_websocket_closes_with_its_session_and_at_once(
    run: Run, viewer: Operator, admin: Operator, connected_hub: None, monkeypatch: pytest.MonkeyPatch, how: str, path: str
) -> None:
    """Nothing is waited for: the periodic check is an hour away."""
    monkeypatch.setattr(consumers, "CHECK_AGAIN", 3600)
    client, sent = await sync_to_async(signed_in)(viewer)
    _, others = await sync_to_async(signed_in)(admin)
    socket, other = (Websocket(application, path.format(run=run.number), who) for who in (sent, others))
    assert await socket.connect()
    assert await other.connect()
    await asyncio.wait_for(hub().connected(), 10)
    while not await socket.is_silent():  # what a new subscription makes it look at is over
        await socket.output()
    await sync_to_async(ENDINGS[how])(client, viewer, admin)
    async with asyncio.timeout(10):
        while (message := await socket.output())["type"] != "websocket.close":
            pass
    assert message["code"] == consumers.REFUSED
    while not await other.is_silent():  # somebody else's stays open
        assert (await other.output())["type"] == "websocket.send"
    await other.disconnect()


async def test_a_ring_about_a_person_who_may_still_watch_closes_nothing(
    run: Run, viewer: Operator, admin: Operator, connected_hub: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "CHECK_AGAIN", 3600)
    checked = asyncio.Event()

    async def told(scope: Any) -> Any:
        checked.set()
        return await get_user(scope)

    async with watching(run, viewer) as page:
        monkeypatch.setattr(consumers, "get_user", told)
        await page.get()
        await sync_to_async(actions.change_role)(viewer, "operator", by=admin)
        async with asyncio.timeout(10):
            await checked.wait()
        await write(run, 1, 3)
        await page.until(lambda: page.last >= 3)


@pytest.mark.parametrize("hiccup", [True, False])
async def test_who_cannot_be_checked_is_shown_out(
    run: Run, viewer: Operator, connected_hub: None, monkeypatch: pytest.MonkeyPatch, hiccup: bool
) -> None:
    monkeypatch.setattr(consumers, "CHECK_AGAIN", 0.05)
    checked = asyncio.Event()

    async def perhaps_fails(scope: Any) -> Any:
        if hiccup:
            raise OperationalError("the server closed the connection")
        user = await get_user(scope)
        checked.set()
        return user

    async with watching(run, viewer) as page:
        monkeypatch.setattr(consumers, "get_user", perhaps_fails)
        async with asyncio.timeout(10):
            if hiccup:
                while (message := await page.socket.output())["type"] != "websocket.close":
                    pass
                assert message["code"] == consumers.BROKEN
            else:
                await checked.wait()
                await write(run, 1, 3)
                await page.until(lambda: page.last >= 3)


def test_the_check_is_made_often_enough(settings: Settings) -> None:
    assert consumers.CHECK_AGAIN <= 30
