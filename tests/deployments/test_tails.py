"""Logs of hosts, followed: every line once, rotated files, files that are not there, secrets, several hosts side by side."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.fixtures import Settings

from deployments import doors, tail_consumers, tails
from estate.reading import current
from opsconsole.asgi import application
from people.models import Operator
from runs.consumers import QUIET, QUIET_ESTATE
from tests import scenery
from tests.websocket import Websocket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
PATH = "/var/log/magento-cron.log"


@pytest.fixture
def logs(sandbox: dict[str, str], settings: Settings) -> Iterator[dict[str, Path]]:
    """The file of two hosts, each with two lines."""
    settings.SSH_CONFIG = sandbox["ssh_config"]
    settings.SSH_BROKER = ""
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    doors.door.cache_clear()
    doors.runner.cache_clear()
    scenery.observed()
    found = {}
    for name, ip in (("fe-1", "10.0.101.24"), ("fe-2", "10.0.102.37")):
        doors.runner().install(ip)
        found[name] = Path(sandbox["ssh_config"]).parents[1] / f"hosts/{name}{PATH}"
        found[name].parent.mkdir(parents=True, exist_ok=True)
        found[name].write_text(f"first of {name}\nsecond of {name}\n")
    yield found
    for path in found.values():
        path.unlink(missing_ok=True)
    doors.door().close()
    doors.door.cache_clear()
    doors.runner.cache_clear()


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_each_line_comes_once_and_whole(logs: dict[str, Path]) -> None:
    ip, file = "10.0.101.24", logs["fe-1"]
    piece = tails.read(ip, PATH, None)
    assert piece.lines == ("first of fe-1", "second of fe-1")
    assert tails.read(ip, PATH, piece.offset).lines == ()
    _append(file, "third\nhalf of the")
    piece = tails.read(ip, PATH, piece.offset)
    assert piece.lines == ("third",)
    _append(file, " fourth\n")
    piece = tails.read(ip, PATH, piece.offset)
    assert piece.lines == ("half of the fourth",)
    file.write_text("new\n")
    piece = tails.read(ip, PATH, piece.offset)
    assert "rotated" in piece.lines[0]
    assert tails.read(ip, PATH, piece.offset).lines == ("new",)


def test_of_a_long_file_the_end_is_shown_and_of_a_flood_the_newest(logs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    ip, file = "10.0.101.24", logs["fe-1"]
    file.write_text("".join(f"line {n:05d}\n" for n in range(5000)))
    piece = tails.read(ip, PATH, None)
    assert piece.lines[-1] == "line 04999"
    assert 1000 < len(piece.lines) < 2000
    assert all(line.startswith("line ") and len(line) == 10 for line in piece.lines)
    monkeypatch.setattr(tails, "MOST", 1100)
    assert len(tails.read(ip, PATH, 0).lines) == 99


def test_a_file_that_is_not_there_is_said(logs: dict[str, Path]) -> None:
    logs["fe-1"].unlink()
    assert "is not there" in tails.read("10.0.101.24", PATH, None).problem


def test_which_logs_are_known() -> None:
    keys = {log.key for log in tails.logs_of(current().target("mirakl-cashout", "production"))}
    assert "hipay" in keys
    assert "magento-system" not in keys
    assert "magento-system" in {log.key for log in tails.logs_of(current().target("magento", "production"))}


async def test_several_hosts_are_followed_side_by_side_without_secrets(logs: dict[str, Path], viewer: Operator) -> None:
    client = Client()
    await sync_to_async(client.force_login)(viewer)
    sent = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    path = "/ws/tail/?service=magento&environment=production&log=magento-cron&host=fe-1&host=fe-2&host=no-such"
    socket = Websocket(application, path, [(b"origin", b"http://testserver"), (b"cookie", sent.encode())])
    assert await socket.connect()
    heard = await _until(socket, {"second of fe-1", "second of fe-2"})
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    await sync_to_async(_append)(logs["fe-2"], f"the key is {key}\n")
    heard += await _until(socket, {"the key is [secret]"})
    await sync_to_async(logs["fe-1"].unlink)()
    await _until(socket, {f"{PATH} is not there"})
    await socket.disconnect()
    assert {frame["host"] for frame in heard} == {"fe-1", "fe-2"}
    assert key not in json.dumps(heard)


@pytest.mark.parametrize("hosts", ["", "&host=fe-1"])
async def test_a_page_hears_something_while_its_logs_are_quiet(
    hosts: str, viewer: Operator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    monkeypatch.setattr(tail_consumers, "BEAT", 0.1)
    monkeypatch.setattr(tails, "read", lambda ip, path, offset: tails.Piece((), 0))
    client = Client()
    await sync_to_async(scenery.observed)()
    await sync_to_async(client.force_login)(viewer)
    sent = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    path = f"/ws/tail/?service=magento&environment=production&log=magento-cron{hosts}"
    socket = Websocket(application, path, [(b"origin", b"http://testserver"), (b"cookie", sent.encode())])
    assert await socket.connect()
    heard = [json.loads(await socket.hear())["kind"] for _ in range(3)]
    await socket.disconnect()
    assert heard == [*([] if hosts else ["problem"]), *["beat"] * 3][:3]


def test_every_page_that_follows_something_notices_that_it_is_cut_off() -> None:
    """One place makes sockets: it rings an alarm when nothing was heard, and connects anew."""
    sources = Path(django_settings.BASE_DIR, "static/js")
    assert [path.name for path in sources.rglob("*.js") if "new WebSocket" in path.read_text()] == ["socket.js"]
    [silence] = re.findall(r"const SILENCE = ([\d_]+);", (sources / "socket.js").read_text())
    assert max(tail_consumers.BEAT, QUIET_ESTATE, QUIET) * 2 < int(silence) / 1000


async def _until(socket: Websocket, words: set[str]) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(90):
        while words:
            try:
                heard.append(json.loads(await socket.hear()))
            except TimeoutError:
                continue
            words = words - {*heard[-1].get("lines", ()), heard[-1].get("said", "")}
    return heard


def test_the_page(logs: dict[str, Path], client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    assert PATH in client.get("/services/magento/production/logs/").content.decode()
    _append(logs["fe-1"], "<script>alert(1)</script>\n")
    page = client.get("/services/magento/production/logs/?log=magento-cron&host=fe-1&host=fe-2&host=evil").content.decode()
    assert "second of fe-1" in page
    assert "second of fe-2" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "evil" not in page
    assert client.get("/services/magento/production/logs/?log=../../etc/passwd&host=fe-1").status_code == 200
    assert client.post("/services/magento/production/logs/").status_code == 405
