"""VPN users on the whole demo: its form, its workers, its VPN host with easy-rsa's PKI; ten operators press at once.

Cases: `create` (seconds for each of 200 users whom all ten operators want at the same time, beside `create_user.sh` by itself), `revoke`
(seconds from the press until the person is out and refused, the longest of some, beside the 15 that are allowed). Between them 50 profiles
are handed over, half of them by a link. It fails where a certificate is lost or doubled, or where the console keeps a line of a key.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import redis

from bench.dashboard import ROOT, _environment, demo_running
from runs.redact import encodings

USERS, OPERATORS, DELIVERIES, REVOCATIONS = 200, 10, 50, 5
ALLOWED_SECONDS = 15.0
PAUSE = 0.7  # seconds between two presses of one operator
LONG = 3600.0  # seconds: a guard against hangs
_CAST = """
import django, sys
django.setup()
from people.models import Operator, Role
for number in range(int(sys.argv[1])):
    if not Operator.objects.filter(username=f"desk{number}").exists():
        Operator.objects.create_user(username=f"desk{number}", password=sys.argv[2], role=Role.OPERATOR)
"""


def run(*, quick: bool) -> list[dict[str, object]]:
    users, deliveries, revocations = (10, 6, 2) if quick else (USERS, DELIVERIES, REVOCATIONS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, demo_running(Path(folder) / "demo", role="operator") as demo:
        names = [f"b{number:03d}.{uuid.uuid4().hex[:6]}" for number in range(users)]
        bare = by_hand(demo.data, 3 if quick else 10)
        began = time.monotonic()
        desks = sign_in(demo.url, demo.data, OPERATORS)
        pressed = press_together(desks, names)
        each = (time.monotonic() - began) / users
        proven = prove(demo.data, names)
        print(f"create: {pressed}; {proven}", file=sys.stderr)
        profiles = [deliver(desks[number % len(desks)], name, by_link=number % 2 == 1) for number, name in enumerate(names[:deliveries])]
        found = kept(demo.data, profiles)
        print(f"keys: {found}", file=sys.stderr)
        out = [put_out(desks[0], demo.data, name) for name in names[:revocations]]
        print(f"revoke: {', '.join(f'{seconds:.1f}' for seconds in out)} s", file=sys.stderr)
    if proven.lost or proven.doubled or found.places:
        raise RuntimeError(f"lost {proven.lost}, doubled {proven.doubled}, keys in {found.places}")
    return [_row("create", each, bare), _row("revoke", max(out), ALLOWED_SECONDS)]


def _row(case: str, ours: float, baseline: float) -> dict[str, object]:
    ratio = ours / baseline
    return {"bench": "access", "case": case, "ours": ours, "baseline": baseline, "unit": "s", "ratio": ratio, "better": "lower"}


# -- Ten operators


class Desk:
    """A signed-in operator at a browser without a screen."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self.token = ""
        self.read("/sign-in/")
        self.press("/sign-in/", username=name, password=password)
        self.read("/access/")

    def read(self, path: str) -> str:
        text = self.http.get(path).raise_for_status().text
        if found := re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text):
            self.token = found[1]
        return text

    def press(self, path: str, **words: str) -> httpx.Response:
        return self.http.post(path, data={"csrfmiddlewaretoken": self.token, **words}, headers={"Referer": str(self.http.base_url)})


def sign_in(url: str, data: Path, count: int) -> list[Desk]:
    """As many operators of the demo, each with an account of their own."""
    password = uuid.uuid4().hex
    subprocess.run([sys.executable, "-c", _CAST, str(count), password], cwd=ROOT, env=_environment(data), check=True, timeout=120)
    return [Desk(url, f"desk{number}", password) for number in range(count)]


def press_together(desks: Sequence[Desk], names: Sequence[str]) -> Counter[str]:
    """All want the same users in the same order, and press until each is made by one of them. The answers, counted by what they say."""
    said: Counter[str] = Counter()
    errors: list[BaseException] = []

    def works(desk: Desk) -> None:
        try:
            for name in names:
                said.update(_pressed_until_it_is_there(desk, name))
        except BaseException as error:  # noqa: BLE001 -- told below
            errors.append(error)

    threads = [threading.Thread(target=works, args=(desk,)) for desk in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return said


def _pressed_until_it_is_there(desk: Desk, name: str) -> Iterator[str]:
    words = {"name": name, "person": "Warehouse", "reason": "stock count", "idempotency_key": uuid.uuid4().hex}
    words["expires"] = (datetime.now(UTC) + timedelta(days=200)).date().isoformat()
    until = time.monotonic() + LONG
    while True:
        answer = desk.press("/access/vpn/", **words)
        if answer.status_code == 302:
            yield "made"
            return
        text = answer.text
        if answer.status_code == 409 and "exists already" in text:
            yield "exists already"
            return
        if answer.status_code != 409:
            raise RuntimeError(f"{name}: {answer.status_code} {text[:2000]}")
        yield "somebody else's run is at it"
        if time.monotonic() > until:
            raise RuntimeError(f"{name} could not be made within {LONG:g} s")
        time.sleep(PAUSE)


# -- What came of it


@dataclass(frozen=True)
class Proven:
    """Of the names: certificates in the index, users of the register with the same serial, and what is wrong."""

    certificates: int
    valid: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]


def prove(data: Path, names: Sequence[str]) -> Proven:
    """Waits until the last run has ended, then holds the host's own index and files against the register."""
    until = time.monotonic() + 120
    while True:
        users = {name: (state, serial) for name, state, serial in _rows(data, "select name, state, serial from vpn_user")}
        if all(users.get(name, ("", ""))[0] not in ("", "creating") for name in names) or time.monotonic() > until:
            break
        time.sleep(0.2)
    root = data / "sandbox/hosts/openvpn/root"
    lines = [line.split("\t") for line in (root / "easy-rsa/pki/index.txt").read_text().splitlines()]
    serials: dict[str, list[str]] = {name: [] for name in names}
    for line in lines:
        serials.get(line[5].removeprefix("/CN="), []).append(line[3])
    valid = [name for name in names if [users[name][1]] == serials[name] and users[name][0] == "valid"]
    files = {name for name in names if (root / f"client-configs/files/{name}.ovpn").exists()}
    return Proven(
        sum(map(len, serials.values())),
        len(valid),
        tuple(name for name in names if not serials[name] or name not in valid or name not in files),
        tuple(name for name in names if len(serials[name]) > 1),
    )


def _rows(data: Path, statement: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{quote(str(data / 'console.sqlite3'))}?mode=ro", uri=True) as database:
        return database.execute(statement).fetchall()


# -- Private keys


def deliver(desk: Desk, name: str, *, by_link: bool) -> bytes:
    """The profile, taken once; a second try is refused. The link, which is a secret as well, stands before it."""
    before = b""
    if by_link:
        page = desk.press(f"/access/vpn/{name}/link/").text
        link = re.search(r"/access/get/[\w-]+/", page)
        if link is None:
            raise RuntimeError(f"{name}: no link on the page")
        desk.read(link[0])
        before = link[0].split("/")[-2].encode() + b"\n"
        answer, again = desk.press(link[0]), desk.press(link[0])
    else:
        answer, again = (desk.press(f"/access/vpn/{name}/download/") for _ in range(2))
    if (answer.status_code, again.status_code) != (200, 410) or b"PRIVATE KEY" not in answer.content:
        raise RuntimeError(f"{name}: {answer.status_code}, then {again.status_code}")
    return before + answer.content


@dataclass
class Kept:
    """Where what was looked in, and where a key was found."""

    needles: int
    files: int = 0
    bytes: int = 0
    cells: int = 0
    redis_keys: int = 0
    logs: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


def kept(data: Path, profiles: Sequence[bytes]) -> Kept:
    """Looks for each line of each private key, plain and in the forms in which it may travel: in every file of the console's folder (the
    estate in a box lies there, too, and is left out), every cell of its database, all of Redis and its file of commands."""
    needles = {form.encode() for profile in profiles for line in key_lines(profile) for form in encodings(line)}
    if len(needles) < 10 * len(profiles):
        raise RuntimeError("the profiles have no keys")
    found = Kept(len(needles))
    look = _finder(needles)
    for path in sorted(data.rglob("*")):
        if path.is_file() and data / "sandbox" not in path.parents:
            text = path.read_bytes()
            found.files, found.bytes = found.files + 1, found.bytes + len(text)
            found.logs += [path.name] if path.parent.name == "logs" else []
            found.places += [f"the file {path}"] if look(text) else []
    for (table,) in _rows(data, "select name from sqlite_master where type = 'table'"):
        for row in _rows(data, f'select * from "{table}"'):  # noqa: S608 -- the database's own word
            found.cells += len(row)
            found.places += [f"the table {table}"] if look(b"\n".join(map(_unpacked, row))) else []
    with redis.Redis(unix_socket_path=str(data / "sockets/valkey")) as wire:
        for key in wire.scan_iter(count=1000):
            found.redis_keys += 1
            found.places += [f"Redis: {key!r}"] if look(key + b"\n" + _value(wire, key)) else []
    return found


def key_lines(profile: bytes) -> list[str]:
    """And what stands before the profile: the link by which it was taken."""
    link, _, rest = profile.decode().partition("\n")
    inside = rest.partition("<key>")[2].partition("</key>")[0]
    return [line for line in inside.split() if len(line) >= 24 and "-" not in line] + ([link] if len(link) == 43 else [])


def _finder(needles: set[bytes]) -> Any:
    """By the first eight bytes: thousands of needles are looked for in one pass."""
    heads: dict[bytes, list[bytes]] = {}
    for needle in needles:
        heads.setdefault(needle[:8], []).append(needle)
    begin = re.compile(b"|".join(re.escape(head) for head in heads))

    def look(text: bytes) -> bool:
        return any(text.startswith(needle, match.start()) for match in begin.finditer(text) for needle in heads[match[0]])

    return look


def _value(wire: Any, key: bytes) -> bytes:
    readers: Mapping[bytes, Any] = {
        b"string": wire.get,
        b"hash": wire.hgetall,
        b"list": lambda key: wire.lrange(key, 0, -1),
        b"set": wire.smembers,
        b"zset": lambda key: wire.zrange(key, 0, -1),
        b"stream": wire.xrange,
    }
    found = readers[wire.type(key)](key)
    parts = [each for pair in found.items() for each in pair] if isinstance(found, dict) else found if isinstance(found, list) else [found]
    return b"\n".join(map(_unpacked, parts))


def _unpacked(value: object) -> bytes:
    """With what is compressed in it: RQ's jobs, Django's sessions."""
    raw = value if isinstance(value, bytes) else str(value).encode()
    with contextlib.suppress(zlib.error, ValueError):
        packed = base64.urlsafe_b64decode(raw[1:].partition(b":")[0] + b"===") if raw[:1] == b"." else raw
        return raw + b"\n" + zlib.decompress(packed)
    return raw


# -- Out


def put_out(desk: Desk, data: Path, name: str) -> float:
    """Seconds from the press of Revoke until the connected person is out and was refused when their client tried again."""
    control = json.loads((data / "sandbox/ready.json").read_text())["control"]
    with httpx.Client(base_url=control, trust_env=False, timeout=20) as sandbox:
        sandbox.post("/sim/actions/vpn-connect", json={"name": name}).raise_for_status()
        _until(lambda: name in _names(sandbox, "sessions"), f"{name} connected")
        if name in _names(sandbox, "refusals"):
            raise RuntimeError(f"{name} was refused before")
        began = time.monotonic()
        answer = desk.press(f"/access/vpn/{name}/revoke/", reason="left the company")
        if answer.status_code != 302:
            raise RuntimeError(f"{name}: {answer.status_code} {answer.text[:2000]}")
        _until(lambda: name not in _names(sandbox, "sessions") and name in _names(sandbox, "refusals"), f"{name} out and refused")
        seconds = time.monotonic() - began
        _until(lambda: (name, "revoked") in _rows(data, "select name, state from vpn_user"), f"the proof that {name} is revoked")
        sandbox.post("/sim/actions/vpn-leave", json={"name": name}).raise_for_status()
    return seconds


def _names(sandbox: httpx.Client, what: str) -> set[str]:
    found: list[dict[str, str]] = sandbox.get("/sim/state").json()["vpn"][what]
    return {each["name"] for each in found}


def _until(holds: Any, what: str) -> None:
    until = time.monotonic() + 120
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError(f"it did not come to this: {what}")
        time.sleep(0.1)


# -- The baseline


def by_hand(data: Path, count: int) -> float:
    """Seconds for one run of create_user.sh on the host's own files, with nothing around it."""
    root = data / "sandbox/hosts/openvpn"
    began = time.monotonic()
    for _ in range(count):
        argv = ["sh", str(root / "root/client-configs/create_user.sh"), f"hand.{uuid.uuid4().hex[:6]}"]
        environment = os.environ | {"OPSCONSOLE_ROOT": str(root)}
        subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.monotonic() - began) / count
