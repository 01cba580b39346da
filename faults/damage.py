"""What can be done to the machine in the middle of a release: each before the yield, its repair after it.

A damage begins while the process that works on the release waits at its cut point; then that goes on, and the repair comes later.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from faults import timing
from faults.browser import session
from faults.points import NotRun

if TYPE_CHECKING:
    from faults.rig import Rig

AWAY = 2 * timing.LEASE  # seconds: longer than a lease, so that nobody is spared by it
THROTTLED = 5.0
HANDED_OVER = 20.0  # seconds after which a process that was asked to end has done so
Damage = Callable[["Rig", dict[str, Any]], Iterator[list[str]]]


def valkey_flushed(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    rig.valkey.flush()
    yield []


def valkey_restarted(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    rig.valkey.kill()
    rig.valkey.start()
    yield []


def valkey_away(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """The console says that it is away, within ten seconds."""
    rig.valkey.kill()
    found = [] if _becomes_unready(rig) else ["/readyz says nothing of the lost Redis within 10 s"]
    yield found
    time.sleep(AWAY)
    rig.valkey.start()


def database_locked(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """SQLite: somebody holds the write lock."""
    connection = sqlite3.connect(rig.database, isolation_level=None, timeout=10)
    with contextlib.closing(connection):
        connection.execute("BEGIN EXCLUSIVE")
        yield []
        time.sleep(AWAY)
        connection.execute("ROLLBACK")


def database_stopped(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """PostgreSQL: stopped as a machine is that loses its power, and started again."""
    cluster = _cluster(rig)
    cookie = session(rig)
    cluster.stop()
    found = _says_so_in_words(rig, cookie)
    yield found
    time.sleep(AWAY)
    cluster.start()


def database_frozen(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """PostgreSQL: neither answers nor hangs up."""
    cluster = _cluster(rig)
    cluster.freeze()
    yield []
    time.sleep(AWAY)
    cluster.thaw()


def throttled(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    rig.sim("faults", kind="throttle", options={"seconds": str(THROTTLED)})
    yield []


def aws_stumbles(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """The next four calls get a 500, whatever they ask."""
    rig.sim("faults", kind="aws-500", times=4)
    yield []


def connections_reset(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    for proxy in _proxies(rig, act):
        proxy.reset()
    yield []


def replies_swallowed(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """What is asked arrives; no answer comes, and then the connection breaks."""
    for proxy in _proxies(rig, act):
        proxy.mode = "swallow"
    yield []
    time.sleep(1.5)
    _pass_again(rig, act)


def black_hole(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    for proxy in _proxies(rig, act):
        proxy.mode = "hole"
    yield []
    time.sleep(AWAY)
    _pass_again(rig, act)


def refused(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    for proxy in _proxies(rig, act):
        proxy.mode = "refuse"
        proxy.reset()
    yield []
    time.sleep(AWAY)
    _pass_again(rig, act)


def web_killed(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    rig.nursery.kill(rig.web)
    yield []
    rig.start_web()


def scheduler_killed(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    rig.nursery.kill(rig.scheduler)
    yield []
    rig.start_scheduler()


def scheduler_frozen(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    frozen = rig.scheduler
    with contextlib.suppress(ProcessLookupError):  # another fault of the schedule may have killed it
        os.kill(frozen, signal.SIGSTOP)
    yield []
    time.sleep(AWAY)
    with contextlib.suppress(ProcessLookupError):
        os.kill(frozen, signal.SIGCONT)


def joined(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """Another worker comes, with the clock of the machine: it may take nothing from whom it finds at work."""
    rig.workers.append(rig.fork("worker"))
    yield []


def upgraded(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """As docs/operations.md has it: everything is asked to end, the migrations are run, everything of the new version is started."""
    old = [pid for pid in (*rig.workers, rig.scheduler, rig.web) if rig.nursery.is_alive(pid)]
    rig.nursery.kill(*old, by=signal.SIGTERM)
    yield []
    for pid in old:
        rig.nursery.wait(pid, seconds=HANDED_OVER * timing.slack())
    rig.migrate()
    rig.version = "the next one"
    _start_all(rig)


def backed_up(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """A copy of the database as SQLite makes one, while everything works."""
    with closing_both(rig.database, rig.folder / "backup.sqlite3") as (old, new):
        old.backup(new)
    yield []


def restored(rig: Rig, act: dict[str, Any]) -> Iterator[list[str]]:
    """Everything is killed, the old copy is put back, everything is started."""
    rig.nursery.kill(*rig.workers, rig.scheduler, rig.web)
    for path in rig.folder.glob(f"{rig.database.name}*"):
        path.unlink()
    shutil.copy(rig.folder / "backup.sqlite3", rig.database)
    yield []
    _start_all(rig)


def _start_all(rig: Rig) -> None:
    rig.start_scheduler()
    rig.start_web()
    rig.workers.append(rig.fork("worker"))


@contextlib.contextmanager
def closing_both(one: Path, other: Path) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    with contextlib.closing(sqlite3.connect(one, timeout=20)) as old, contextlib.closing(sqlite3.connect(other)) as new:
        yield old, new


DAMAGES: dict[str, Damage] = {
    "valkey-flushed": valkey_flushed,
    "valkey-restarted": valkey_restarted,
    "valkey-away": valkey_away,
    "database-locked": database_locked,
    "database-stopped": database_stopped,
    "database-frozen": database_frozen,
    "throttled": throttled,
    "aws-stumbles": aws_stumbles,
    "connections-reset": connections_reset,
    "replies-swallowed": replies_swallowed,
    "black-hole": black_hole,
    "refused": refused,
    "web-killed": web_killed,
    "scheduler-killed": scheduler_killed,
    "scheduler-frozen": scheduler_frozen,
    "joined": joined,
    "upgraded": upgraded,
    "backed-up": backed_up,
    "restored": restored,
}


def _becomes_unready(rig: Rig) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if rig.http.get("/readyz").status_code == 503:
            return True
        time.sleep(0.2)
    return False


def _says_so_in_words(rig: Rig, cookie: str) -> list[str]:
    answer = rig.http.get("/api/v1/runs")
    page = httpx.get(f"http://127.0.0.1:{rig.port}/", headers={"Cookie": cookie}, timeout=60, trust_env=False)
    found = []
    if answer.status_code != 503:
        found.append(f"the API answers {answer.status_code} while the database is away")
    if page.status_code != 503:
        found.append(f"a page answers {page.status_code} while the database is away")
    return found


def _cluster(rig: Rig) -> Any:
    if rig.cluster is None:
        raise NotRun("This is about PostgreSQL; the console runs on SQLite here.")
    return rig.cluster


def _proxies(rig: Rig, act: dict[str, Any]) -> list[Any]:
    """The act's host, or all where it is about none."""
    return [rig.proxies[act["target"]]] if act["target"] in rig.proxies else list(rig.proxies.values())


def _pass_again(rig: Rig, act: dict[str, Any]) -> None:
    for proxy in _proxies(rig, act):
        proxy.mode = "pass"
        proxy.reset()
