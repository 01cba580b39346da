"""Ten operators press at once, again and again: every user is made once, none is lost, none is doubled.

`VPN_USERS=200 .venv/bin/python -m pytest tests/access/test_crowd.py -n 0` makes two hundred; the suite makes a few.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from access.models import VpnCertificate, VpnUser
from people.models import Operator, Role
from runs.actions import LockHeld, Refusal
from runs.models import Run
from tests.access.conftest import Grounds, a_name

USERS = int(os.environ.get("VPN_USERS", "4"))
OPERATORS = 10

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120 + 60 * USERS)]


def test_many_press_at_once(grounds: Grounds) -> None:
    people = [Operator.objects.create_user(username=f"o{number}", role=Role.OPERATOR) for number in range(OPERATORS)]
    names, lock, over = [a_name() for _ in range(USERS)], threading.Lock(), threading.Event()
    waiting = list(names)
    faults: list[str] = []

    def works() -> None:
        """The one worker."""
        while not over.is_set():
            run = Run.objects.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).first()
            if run is None:
                time.sleep(0.02)
            else:
                grounds.through(run)
        connection.close()

    def presses(by: Operator) -> None:
        """All press for the name that is next; whoever finds it made takes the next one."""
        while True:
            with lock:
                name = waiting[0] if waiting else ""
            if not name:
                connection.close()
                return
            try:
                grounds.create(by, name)
            except LockHeld:
                time.sleep(0.05)
            except Refusal:
                pass  # somebody else was first
            except Exception as error:  # noqa: BLE001 -- told at the end
                faults.append(f"{name}: {error!r}")
            if VpnUser.objects.filter(name=name).exists():
                with lock:
                    if waiting and waiting[0] == name:
                        waiting.pop(0)

    with ThreadPoolExecutor(OPERATORS + 1) as crowd:
        worker = crowd.submit(works)
        pressing = [crowd.submit(presses, by) for by in people]
        for each in pressing:
            each.result()
        grounds.until(lambda: not Run.objects.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists(), "the last run")
        over.set()
        worker.result()

    assert faults == []
    assert Run.objects.exclude(state=Run.State.SUCCEEDED).count() == 0
    assert VpnUser.objects.filter(name__in=names, state=VpnUser.State.VALID).count() == USERS
    assert VpnCertificate.objects.filter(name__in=names).count() == USERS
    assert Run.objects.filter(kind="vpn").count() == USERS
