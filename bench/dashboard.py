"""A dashboard of 40 lines × 1,440 points, on the demo: what a person waits for, and what the server does for it.

Cases: `on-screen` (seconds from the page's DOMContentLoaded until all lines are painted, beside the 0.3 s that are allowed), `zoom`
(seconds from the end of a drag until the charts are painted again, beside 0.05 s), `figures-p95` (the server's answer with all the
figures, from what is stored, beside an empty view behind the same sign-in, in one process, taking turns; three times as long is allowed).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import boto3
from botocore.config import Config
from playwright.sync_api import Page, sync_playwright

from door.chromium import chromium

ROOT = Path(__file__).resolve().parent.parent
NAME = "bench-40-lines"
LINES, POINTS = 40, 1440
_DATABASE, _CACHE = ("CPUUtilization", "DatabaseConnections"), ("CPUUtilization", "EngineCPUUtilization")
_STATISTICS = ("Average", "Maximum", "Minimum", "p90")
READY_SECONDS, READ_SECONDS = 240, 180
ALLOWED_ON_SCREEN, ALLOWED_ZOOM = 0.3, 0.05
# Counts the moment at which what was drawn has been painted: the second frame after the change.
_WATCH = """
window.painted = null;
addEventListener('DOMContentLoaded', () => {
  const begun = performance.now();
  const root = document.querySelector('[data-charts]');
  if (!root) return;
  const done = () => requestAnimationFrame(() => requestAnimationFrame(() => { window.painted ??= (performance.now() - begun) / 1000; }));
  new MutationObserver(() => { if ('drawn' in root.dataset) done(); }).observe(root, { attributes: true });
});
addEventListener('pointerup', () => {
  const begun = performance.now();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.zoomed = (performance.now() - begun) / 1000; }));
}, true);
"""


@dataclass(frozen=True)
class Demo:
    url: str
    user: str
    password: str
    data: Path

    @property
    def aws(self) -> str:
        found: str = json.loads((self.data / "sandbox/ready.json").read_text())["aws_endpoint"]
        return found


def run(*, quick: bool) -> list[dict[str, object]]:
    rounds = 3 if quick else 12
    with tempfile.TemporaryDirectory() as folder, demo_running(Path(folder) / "demo") as demo:
        _put(demo)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            sign_in(page, demo)
            _wait_until_read(page, demo)
            page.add_init_script(_WATCH)
            screens, zooms = zip(*[_look(page, demo) for _ in range(rounds)], strict=True)
            browser.close()
        served = _served(demo, 60 if quick else 400)
    return [
        _row("on-screen", median(screens), ALLOWED_ON_SCREEN),
        _row("zoom", median(zooms), ALLOWED_ZOOM),
        _row("figures-p95", served["figures"], served["empty"]),
    ]


def _row(case: str, ours: float, baseline: float) -> dict[str, object]:
    return {
        "bench": "dashboard",
        "case": case,
        "ours": ours,
        "baseline": baseline,
        "unit": "s",
        "ratio": ours / baseline,
        "better": "lower",
    }


def _put(demo: Demo) -> None:
    """Ten metrics of the sandbox with four statistics each, in eight charts."""
    databases, nodes, tiers = ("prod", "preprod"), ("001", "002"), ("prod", "preprod")
    metrics = [["AWS/RDS", name, "DBInstanceIdentifier", f"client-magento-{one}"] for name in _DATABASE for one in databases]
    metrics += [["AWS/ElastiCache", name, "CacheClusterId", f"client-magento-prod-{one}"] for name in _CACHE for one in nodes]
    metrics += [["AWS/ElasticBeanstalk", "EnvironmentHealth", "EnvironmentName", f"client-magento-{one}"] for one in tiers]
    lines = [[*metric, {"stat": stat, "label": f"{metric[1]} {metric[3]} {stat}"}] for stat in _STATISTICS for metric in metrics]
    widgets = [_widget(number, lines[5 * number : 5 * number + 5]) for number in range(len(lines) // 5)]
    client: Any = boto3.client(
        "cloudwatch", endpoint_url=demo.aws, region_name="eu-west-3", aws_access_key_id="bench", aws_secret_access_key="bench",  # noqa: S106
        config=Config(proxies={}),
    )  # fmt: skip
    client.put_dashboard(DashboardName=NAME, DashboardBody=json.dumps({"widgets": widgets}))


def _widget(number: int, lines: list[Any]) -> dict[str, Any]:
    title, region = f"Chart {number + 1}", "eu-west-3"
    return {"type": "metric", "y": number, "properties": {"title": title, "region": region, "period": 60, "metrics": lines}}


def sign_in(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/sign-in/")
    page.fill("input[name=username]", demo.user)
    page.fill("input[name=password]", demo.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{demo.url}/")


def _wait_until_read(page: Page, demo: Demo) -> None:
    """The console finds the new dashboard within a minute, then reads its figures."""
    until = time.monotonic() + READ_SECONDS
    while time.monotonic() < until:
        answer = page.request.get(f"{demo.url}/monitoring/{NAME}/figures?span=1d")
        if answer.status == 200:
            lines = answer.json()["lines"]
            if len(lines) == LINES and all(len(line["values"]) >= POINTS - 1 for line in lines):
                return
            raise RuntimeError(f"{len(lines)} lines of {sorted({len(line['values']) for line in lines})} points")
        time.sleep(1)
    raise RuntimeError("the console did not read the dashboard")


def _look(page: Page, demo: Demo) -> tuple[float, float]:
    page.goto(f"{demo.url}/monitoring/{NAME}/?span=1d")
    _until(page, "window.painted !== null")
    screen: float = page.evaluate("window.painted")
    box = page.locator("[data-plot]").first.bounding_box()
    if box is None:
        raise RuntimeError("there is no chart")
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 20, steps=3)
    page.mouse.up()
    _until(page, "window.zoomed !== undefined")
    zoom: float = page.evaluate("window.zoomed")
    return screen, zoom


def _served(demo: Demo, rounds: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench._dashboard_served", NAME, demo.user, str(rounds)],
        cwd=ROOT,
        env=_environment(demo.data),
        capture_output=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _environment(data: Path) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
        "DATA_DIR": str(data),
        "DATABASE_URL": f"sqlite:///{data / 'console.sqlite3'}",
        "SECRET_KEY": (data / "secret_key").read_text(),
        "SECOND_FACTOR": "off",  # as the demo has it
        "LOG_LEVEL": "ERROR",
    }


@contextmanager
def demo_running(data: Path, *, role: str = "viewer") -> Iterator[Demo]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = data.parent / "demo.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(ROOT / "console"), "demo", "--port", str(port), "--data", str(data)],
            stdout=out,
            stderr=out,
            cwd=ROOT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + READY_SECONDS
        while "Ready: " not in log.read_text():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the demo did not start:\n{log.read_text()}")
            time.sleep(0.2)
        found = re.search(rf"Sign in: ({role}) / (\S+)", log.read_text())
        if found is None:
            raise RuntimeError(f"the demo names no {role}")
        yield Demo(f"http://localhost:{port}", found[1], found[2], data)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _until(page: Page, expression: str) -> None:
    """Asked from outside: the page's own policy forbids to evaluate text in it."""
    until = time.monotonic() + 30
    while not page.evaluate(expression):
        if time.monotonic() > until:
            raise RuntimeError(f"{expression} did not come true")
        time.sleep(0.01)
