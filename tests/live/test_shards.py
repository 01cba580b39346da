"""Live frames over two Redis: each channel by one of them, and the end of one is nothing to the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
from asgiref.sync import sync_to_async
from pytest_django.fixtures import Settings

from live import publish as publishing
from live import wire
from live.hub import Hub, Viewer
from live.publish import PREFIX, publish, publish_all
from tests.valkey import Valkey, running

PATIENCE = 10.0  # seconds


@pytest.fixture
def other(valkey: Valkey, settings: Settings) -> Iterator[Valkey]:
    """The second of two; the first is REDIS_URL's, too."""
    with running() as second:
        settings.LIVE_REDIS_URLS = [valkey.url, second.url]
        yield second
        wire.client(second.url).close()


@pytest.fixture
async def hub(other: Valkey) -> AsyncIterator[Hub]:
    hub = Hub()
    yield hub
    await hub.close()


def on(server: Valkey, beginning: str = "run:") -> str:
    """A channel that this server carries."""
    return next(name for name in (f"{beginning}{number}" for number in range(100)) if wire.shard_of(name) == server.url)


async def connected(hub: Hub) -> None:
    await asyncio.wait_for(hub.connected(), PATIENCE)


async def heard(viewer: Viewer) -> object:
    """What the next frame says; None: read the database."""
    async with asyncio.timeout(PATIENCE):
        frame = await viewer.next(patience=3600)
    return frame and frame.data["say"]


@sync_to_async
def say(channel: str, what: object) -> bool:
    return publish(channel, {"say": what})


async def test_one_viewer_gets_the_frames_of_both(hub: Hub, valkey: Valkey, other: Valkey) -> None:
    async with hub.watching(on(valkey), on(other)) as viewer:
        await connected(hub)
        assert await heard(viewer) is None, "who joins reads the database"
        await say(on(valkey), "one")
        assert await heard(viewer) == "one"
        await say(on(other), "other")
        assert await heard(viewer) == "other"


async def test_a_frame_goes_over_its_own_redis_alone(valkey: Valkey, other: Valkey) -> None:
    with contextlib.closing(redis.Redis.from_url(valkey.url)) as one, contextlib.closing(redis.Redis.from_url(other.url)) as two:
        ears = [client.pubsub(ignore_subscribe_messages=True) for client in (one, two)]  # type: ignore[no-untyped-call]
        for ear in ears:
            ear.psubscribe(PREFIX + "*")
            ear.get_message(timeout=PATIENCE)
        assert publish_all([on(valkey), on(other), on(other, "person:")], {"say": "all"})
        got = []
        for ear, count in zip(ears, (1, 2), strict=True):
            got.append([ear.get_message(timeout=PATIENCE)["channel"].decode().removeprefix(PREFIX) for _ in range(count)])
            assert ear.get_message(timeout=0.1) is None
            ear.close()
        assert got == [[on(valkey)], [on(other), on(other, "person:")]]


async def test_one_that_is_killed_takes_only_its_own_frames_along_and_comes_back(
    hub: Hub, valkey: Valkey, other: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub.watching(on(valkey)) as living, hub.watching(on(other)) as orphaned:
        await connected(hub)
        assert (await heard(living), await heard(orphaned)) == (None, None)
        other.stop()
        for number in range(50):
            assert not await say(on(other), number)
            assert await say(on(valkey), number), "and nobody waits for the one that is away"
            assert await heard(living) == number
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(hub.connected(), 0.1)
        other.start()
        await connected(hub)
        assert await heard(orphaned) is None, "its viewers read what they missed"
        assert await living.next(patience=0.1) is None
        await say(on(valkey), "went on")
        assert await heard(living) == "went on"
        monkeypatch.setattr(publishing, "_away_until", {})  # a second later
        assert await say(on(other), "back")
        assert await heard(orphaned) == "back"


async def test_viewers_of_the_others_have_missed_nothing_by_it(hub: Hub, valkey: Valkey, other: Valkey) -> None:
    async with hub.watching(on(valkey)) as living:
        await connected(hub)
        assert await heard(living) is None
        await say(on(valkey), "before")
        await asyncio.sleep(0.1)  # it has come, and is not read yet
        other.stop()
        other.start()
        await asyncio.sleep(0.3)
        await connected(hub)
        assert await heard(living) == "before", "its inbox was thrown away for another's sake"


class Mute:
    """Takes connections and never answers, as a machine does that is stuck. Of each it gives notice at once."""

    def __init__(self, notice: threading.Event) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._notice = notice
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._open.append(self._listener.accept()[0])
                self._notice.set()

    def close(self) -> None:
        for each in (self._listener, *self._open):
            each.close()


def test_nobody_waits_behind_one_that_was_silent_the_last_time(valkey: Valkey, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both orders of the channels: else the living one might just be asked first."""
    monkeypatch.setattr(publishing, "AWAY_SECONDS", 0.0)
    asked = threading.Event()
    mute = Mute(asked)
    settings.LIVE_REDIS_URLS = [valkey.url, mute.url]
    dead = next(f"run:{number}" for number in range(100) if wire.shard_of(f"run:{number}") == mute.url)
    with contextlib.closing(redis.Redis.from_url(valkey.url)) as client, client.pubsub(ignore_subscribe_messages=True) as ear:  # type: ignore[no-untyped-call]
        ear.subscribe(PREFIX + on(valkey))
        ear.get_message(timeout=PATIENCE)
        for channels in ([dead, on(valkey)], [on(valkey), dead]):
            publish(dead, {"say": "it is known to be silent"})
            asked.clear()
            sending = threading.Thread(target=publish_all, args=(channels, {"say": "for both"}))
            sending.start()
            assert asked.wait(PATIENCE), "it is tried again"
            assert ear.get_message(timeout=0.05) is not None, "the living one's frame was sent only after it"
            sending.join()
    mute.close()


def test_what_goes_along_goes_to_the_main_one(valkey: Valkey, settings: Settings) -> None:
    with running() as one, running() as two:
        settings.LIVE_REDIS_URLS = [one.url, two.url]
        assert publish_all([on(one), on(two)], {"say": "x"}, also=lambda pipeline: pipeline.set("noted", 1))
        assert wire.client().get("noted") == b"1"
        for server in (one, two):
            assert wire.client(server.url).keys() == []
        one.stop()
        two.stop()
        lost = publishing.lost
        assert not publish_all([on(one), on(two)], {"say": "x"}, also=lambda pipeline: pipeline.set("noted", 2))
        assert wire.client().get("noted") == b"2", "it was lost with the frames"
        assert publishing.lost == lost + 2
        for server in (one, two):
            wire.client(server.url).close()


def test_frames_are_taken_where_only_the_main_one_is_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_clients", {})
    monkeypatch.setattr(publishing, "_away_until", {})
    settings.REDIS_URL = "unix:///nowhere/valkey"
    with running() as one:
        settings.LIVE_REDIS_URLS = [one.url]
        lost = publishing.lost
        assert publish_all(["now"], {"say": "x"}, also=lambda pipeline: pipeline.set("noted", 1))
        assert publishing.lost == lost
        wire.client(one.url).close()


def test_each_process_finds_the_same_one(settings: Settings) -> None:
    settings.LIVE_REDIS_URLS = [f"redis://10.0.0.{number}" for number in (1, 2, 3)]
    channels = ["now", *(f"run:{number}" for number in range(1, 301))]
    here = [wire.shard_of(channel) for channel in channels]
    asked = (
        "import sys; from django.conf import settings; settings.configure(REDIS_URL='', LIVE_REDIS_URLS=sys.argv[1].split(','))\n"
        "from live import wire\n"
        "for channel in sys.argv[2:]: print(wire.shard_of(channel))"
    )
    argv = [sys.executable, "-c", asked, ",".join(settings.LIVE_REDIS_URLS), *channels]
    elsewhere = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], env={"PYTHONHASHSEED": "7"})
    assert elsewhere.stdout.split() == here
    assert wire.shard_of("run:418") == settings.LIVE_REDIS_URLS[1], "newer code finds the same one"
    assert min(here.count(url) for url in settings.LIVE_REDIS_URLS) > len(here) / 4


def test_without_a_list_there_is_redis_url_alone(settings: Settings) -> None:
    settings.LIVE_REDIS_URLS = []
    assert {wire.shard_of(f"run:{number}") for number in range(50)} == {settings.REDIS_URL}
