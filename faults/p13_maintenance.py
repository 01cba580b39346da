"""P13: the shop is never silently left in maintenance mode. Points: `flag` (somebody left one behind), `failed` (a release died on it)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx

from faults import releases, timing
from faults.browser import session
from faults.points import Promise, Verdict
from faults.processes import NotThere, until
from faults.rig import Rig

WHERE, HOST = "pre-production", "pp-fe-1"
ALARM = 60.0


def points(rig: Rig) -> Iterator[str]:
    yield "flag"
    yield "failed"


def run(rig: Rig, point: str) -> Verdict:
    releases.reference(rig, WHERE)
    worker = rig.fork("worker")
    try:
        if point == "flag":
            rig.sim("actions/flag-left-behind", host=HOST)
        else:
            _fail_on_it(rig)
        return _alarm_and_exit(rig)
    finally:
        rig.clear_faults()
        rig.nursery.kill(worker)


def _fail_on_it(rig: Rig) -> None:
    """The back office's deployment fails while the front end is closed."""
    rig.spoiled = True
    rig.sim("faults", kind="command-fails", host="pp-be", times=1, options={"command": "02_setup_upgrade"})
    release = releases.press(rig, WHERE)
    ended = release.end()
    if ended["state"] != "failed":
        raise NotThere(f"the release was to fail, and is {ended['state']}: {ended['said']}")
    rig.clear_faults()


def _alarm_and_exit(rig: Rig) -> Verdict:
    began = time.monotonic()
    with httpx.Client(base_url=f"http://127.0.0.1:{rig.port}", headers={"Cookie": session(rig)}, timeout=30, trust_env=False) as browser:
        until("the alarm on the page", lambda: HOST in browser.get("/alerts/").text, seconds=ALARM, pause=0.3)
        alarm = time.monotonic() - began
        page = browser.get(f"/services/magento/{WHERE}/reopen/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        if token is None:
            return Verdict([f"the safe exit has no button: {page.status_code}"], alarm)
        form = {"csrfmiddlewaretoken": token[1], "reason": "fault suite", "accept": "on", "idempotency_key": token[1][:32]}
        answer = browser.post(f"/services/magento/{WHERE}/reopen/", data=form, headers={"Referer": str(page.url)})
        if answer.status_code != 302:
            return Verdict([f"the safe exit is refused: {answer.status_code}"], alarm)
        ended = rig.finished(int(answer.headers["Location"].rstrip("/").rpartition("/")[2]), seconds=60)
        found = [] if ended["state"] == "succeeded" else [f"the safe exit is {ended['state']}: {ended['said']}"]
        if any(host["maintenance"] for host in rig.state()["hosts"] if host["name"] == HOST):
            found.append(f"{HOST} is still in maintenance mode")
        try:
            until("the alarm's end", lambda: HOST not in browser.get("/alerts/").text, seconds=ALARM, pause=0.3)
        except NotThere:
            found.append("the alarm goes on although the shop is open")
    late = f", at a load that allows {ALARM * timing.slack():.0f} s" if alarm > ALARM else ""
    return Verdict(found, None, f"alarm after {alarm:.1f} s of the {ALARM:.0f} s that are promised{late}")


PROMISE = Promise("P13", "The shop is never silently left in maintenance mode: an alarm within a minute, and one button out", points, run)
