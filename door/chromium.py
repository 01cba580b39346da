"""A Chromium for the browser journeys: an installed one, else Playwright's, else apt's; else a sentence that says why there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from door.places import PYTHON, tool

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ASK = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"


def chromium() -> str | None:
    """The path of one that starts; looked for in that order."""
    for found in (os.environ.get("CHROMIUM", ""), *(shutil.which(name) or "" for name in NAMES), _of_playwright()):
        if found and starts(found):
            return found
    return _downloaded() or _from_apt()


def starts(path: str) -> bool:
    if not Path(path).is_file():
        return False
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _of_playwright() -> str:
    try:
        asked = subprocess.run([PYTHON, "-c", _ASK], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _downloaded() -> str | None:
    print("No Chromium is installed; asking Playwright for one …", file=sys.stderr, flush=True)
    try:
        done = subprocess.run([tool("playwright"), "install", "chromium-headless-shell", "chromium"], timeout=240, check=False)
    except subprocess.TimeoutExpired:
        return None
    found = _of_playwright() if done.returncode == 0 else ""
    return found if found and starts(found) else None


def _from_apt() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    print("Playwright has none for this machine; asking apt …", file=sys.stderr, flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "install", "-y", "--no-install-recommends", "chromium"]):
        try:
            subprocess.run(argv, env=quiet, timeout=300, check=False, stdout=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return None
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    return found if found and starts(found) else None
