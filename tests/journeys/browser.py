"""A person at a browser: signs in, reads, presses. And the demo that the browser looks at: all of it, as `./console demo` starts it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = ROOT / "screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
WIDE, PHONE = (1440, 900), (390, 844)


def chromium() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class Demo:
    """What the demo printed when it was ready."""

    url: str
    sandbox: str
    data: Path
    token: str  # of the API, the admin's
    passwords: dict[str, str] = field(default_factory=dict)

    def fault(self, kind: str, **more: object) -> None:
        self._tell("POST", "/sim/faults", {"kind": kind, **more})

    def no_faults(self) -> None:
        self._tell("DELETE", "/sim/faults", {})

    def speed(self, speed: float) -> None:
        self._tell("POST", "/sim/speed", {"speed": speed})

    def act(self, name: str, /, **options: str) -> None:
        self._tell("POST", f"/sim/actions/{name}", options)

    def _tell(self, method: str, path: str, body: object) -> None:
        asked = urllib.request.Request(  # noqa: S310
            self.sandbox + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=20) as answer:
            assert answer.status < 300

    def asked(self, path: str, **sent: object) -> Any:
        """What the console's API answers; a POST where something is sent."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", json.dumps(sent).encode() if sent else None, headers)  # noqa: S310
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
            return json.load(answer)


@contextmanager
def running_demo(data: Path, *, speed: int, seconds: float = 200) -> Iterator[Demo]:
    """Started as a person would; ended by one Ctrl-C."""
    argv = [sys.executable, "-m", "door", "demo", "--data", str(data), "--port", "0", "--speed", str(speed)]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        wait_until(lambda: process.poll() is not None or any(line.startswith("Ready: ") for line in said), seconds=seconds, what="the demo")
        assert process.poll() is None, f"the demo ended: {said}"
        words = "".join(said)
        yield Demo(
            url=re.findall(r"(?m)^Ready: (\S+)$", words)[0],
            sandbox=re.findall(r"(?m)^Sandbox: (\S+)$", words)[0],
            data=data,
            token=re.findall(r"(?m)^API token: (\S+)$", words)[0],
            passwords=dict(re.findall(r"(?m)^Sign in: (\S+) / (\S+)$", words)),
        )
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        reader.join(5)
        if process.stdout is not None:
            process.stdout.close()


def wait_until(holds: Callable[[], bool], *, seconds: float, what: str, instead: Callable[[], str] = str) -> None:
    """`instead` tells what is there where it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s. {instead()}"
        time.sleep(0.2)


class Person:
    """One browser with its own cookies. What the page complains about is collected and must be nothing at the end.

    `sockets` is false where the server has none, as Django's own for tests: what is said of those is not heard, whenever it is said."""

    def __init__(
        self, browser: Browser, url: str, *, sockets: bool = True, scripted: bool = True, theme: str = "light", size: tuple[int, int] = WIDE
    ) -> None:
        self.url, self.sockets = url, sockets
        self.context: BrowserContext = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=scripted,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error" and (self.sockets or "/ws/" not in said.text + said.location["url"]):
            self.complaints.append(f"{said.text} ({said.location['url']})")  # what could not be loaded stands there alone

    def sign_in(self, name: str, password: str) -> Person:
        self.go("/sign-in/")
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", password)
        self.page.click("button.primary")
        self.page.wait_for_url(self.url + "/")
        return self

    def go(self, path: str) -> int:
        response = self.page.goto(self.url + path)
        assert response is not None
        return response.status

    def reads(self, words: str, *, seconds: float = 20) -> None:
        wait_until(lambda: words in self.page.inner_text("body"), seconds=seconds, what=f"“{words}” on {self.page.url}")

    def keeps(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def leaves(self) -> None:
        self.context.close()
        assert not self.complaints, self.complaints


def violations(page: Page) -> list[str]:
    """What axe finds serious or critical, as lines that name the place."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['impact']} {each['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
