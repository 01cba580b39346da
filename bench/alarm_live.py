"""From the transition in CloudWatch to the screen, on the demo: an alarm is provoked at the sandbox, somebody looks at the dashboard.

Cases: `sns` (subscribed, beside the 2 s that are allowed) and `poll` (nobody rings, beside 70 s). Seconds, the median of all rounds.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from bench.dashboard import Demo, demo_running, sign_in
from door.chromium import chromium

CPU = "DB CPU Prod"
ALLOWED = {"sns": 2.0, "poll": 70.0}
LONG = 180_000  # ms: a guard against hangs


def run(*, quick: bool) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder, demo_running(Path(folder) / "demo", role="releaser") as demo:
        return measure(demo, rounds=1 if quick else 5)


def measure(demo: Demo, *, rounds: int) -> list[dict[str, object]]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        sign_in(page, demo)
        polled = _seconds(page, demo, 1)
        _subscribe(page, demo)
        rung = _seconds(page, demo, rounds)
        browser.close()
    return [
        {
            "bench": "alarm-live",
            "case": case,
            "ours": ours,
            "baseline": ALLOWED[case],
            "unit": "s",
            "ratio": ours / ALLOWED[case],
            "better": "lower",
        }
        for case, ours in (("sns", median(rung)), ("poll", median(polled)))
    ]


def _seconds(page: Page, demo: Demo, rounds: int) -> list[float]:
    """Both ways, OK to ALARM and back, so many times."""
    page.goto(f"{demo.url}/monitoring/?wall=1")
    lane = page.locator("[data-lanes] .swim", has_text=CPU)
    lane.locator(".st-ok").wait_for(timeout=LONG)
    found = []
    for _ in range(rounds):
        for state, shown in (("busy", ".st-bad"), ("calm", ".st-ok")):
            _tell(demo, state)
            begun = time.perf_counter()
            lane.locator(shown).wait_for(timeout=LONG)
            found.append(time.perf_counter() - begun)
    return found


def _subscribe(page: Page, demo: Demo) -> None:
    """As a person does it: by a plan and a run."""
    page.goto(f"{demo.url}/alarms/")
    page.click("text=Plan the subscription…", timeout=LONG)
    page.wait_for_url("**/alarms/plans/**")
    page.click("main button.primary")
    page.locator("text=Done: subscribe the console").first.wait_for(timeout=LONG)


def _tell(demo: Demo, state: str) -> None:
    """Answered when CloudWatch has judged its alarms."""
    ready = json.loads((demo.data / "sandbox/ready.json").read_text())
    body = json.dumps({"kind": "cpu", "state": state}).encode()
    asked = urllib.request.Request(f"{ready['control']}/sim/actions/database", body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=30):
        pass
