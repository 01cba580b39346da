"""A build's last job, as `docs/ci/release.sh` has it, against the whole demo; and what else a terminal asks of it. Without a browser."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.journeys.browser import ROOT, Demo, wait_until
from tests.journeys.one_demo.conftest import launched_again

pytestmark = pytest.mark.timeout(900)


def called(demo: Demo, *words: str | Path, token: str = "") -> subprocess.CompletedProcess[str]:
    """As a runner of builds calls it: an environment of its own, and an exit code."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {"SITE_URL": demo.url, "API_TOKEN": token or demo.token, "CI_JOB_URL": "https://ci.client.example/jobs/418"}
    return subprocess.run([*map(str, words)], cwd=ROOT.parent, env=environment, capture_output=True, text=True, timeout=600, check=False)


JOB, CONSOLE = ROOT / "docs/ci/release.sh", ROOT / "console"


def test_a_build_releases_to_pre_production_and_ends_as_the_release_does(demo: Demo) -> None:
    demo.act("push-commit")
    done = called(demo, JOB)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    number = re.findall(r"(?m)^Run (\d+) succeeded\.", done.stdout)[0]
    run = demo.asked(f"runs/{number}")
    assert (run["service"], run["environment"], run["state"]) == ("magento", "pre-production", "succeeded")
    assert run["reason"] == "https://ci.client.example/jobs/418"
    assert done.stdout.index("(plan ") < done.stdout.index(f"Run {number}:"), "the plan is printed before anything is started"
    assert len(done.stdout.splitlines()) > 20, "and the log after it"


def test_what_the_console_refuses_starts_nothing(demo: Demo) -> None:
    before = demo.asked("runs")["items"]
    for words, said in ((("no-such-service",), "no-such-service"), (("magento", "pre-production", "no-such-branch"), "no-such-branch")):
        refused = called(demo, JOB, *words)
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert said in refused.stderr
    assert called(demo, JOB, token="oc_wrong").returncode == 2
    assert demo.asked("runs")["items"] == before


def test_somebody_is_let_into_the_vpn_from_a_terminal(demo: Demo) -> None:
    ends = f"{datetime.now(UTC) + timedelta(days=60):%Y-%m-%d}"
    words = ("vpn", "add", "mary.shift", "--person", "Mary", "--reason", "shift", "--expires", ends)
    done = called(demo, CONSOLE, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(?m)^Run \d+ succeeded\.", done.stdout)
    made = demo.asked("vpn-users/mary.shift")
    assert (made["state"], made["person"]) == ("valid", "Mary")
    twice = called(demo, CONSOLE, *words)
    assert twice.returncode == 2
    assert "exists already" in twice.stderr


def test_alarms_that_ring_have_an_exit_code(demo: Demo) -> None:
    def rings() -> bool:
        demo.act("lasted", minutes="5")
        return called(demo, CONSOLE, "alarms").returncode == 3

    demo.act("database", kind="cpu", state="busy")
    try:
        wait_until(rings, seconds=120, what="an alarm that rings")
        assert re.search(r"(?m)^ALARM\s+\S", called(demo, CONSOLE, "alarms").stdout)
    finally:
        demo.act("database", kind="cpu", state="calm")


def test_a_release_that_fails_ends_the_job_with_a_code_of_its_own(demo: Demo) -> None:
    """It leaves a run that holds its lock, and the next job is refused in words; a relaunch takes it over, and leaves all well."""
    demo.act("push-commit", schema="yes")
    demo.fault("command-fails", host="pp-be", options={"command": "setup:upgrade"})
    try:
        failed = called(demo, JOB)
        assert failed.returncode in (1, 3), failed.stdout[-3000:] + failed.stderr
        [number] = re.findall(r"(?m)^Run (\d+) (?:failed|waiting)\.", failed.stdout)
    finally:
        demo.no_faults()
    assert called(demo, JOB).returncode == 2
    launched_again(demo, int(number))
