"""A machine that is cut off from PostgreSQL and Redis hears nothing, not even an end: both sides give up after some ten seconds."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from door.places import valkey_server
from faults.machines import PLACES, Network
from faults.points import NotRun
from faults.postgresql import Cluster
from faults.processes import ended, started, until

NOTICED = 24.0  # seconds: 5 until the other is asked for the first time, three questions 2 apart; the rest is for a busy machine
WAITS = """
import sys, time
import django; django.setup()
from django.conf import settings
from django.db import connection, DatabaseError
from redis import Redis, RedisError
from live.wire import keep_alive
began = []
def statement():  # of those that may take long: nothing is sent, and nothing comes
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1"); began.append(time.monotonic()); print("waits", flush=True); cursor.execute("SELECT pg_sleep(25)")
def job():  # as a worker waits for one
    redis = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=55, **keep_alive(settings.REDIS_URL))
    redis.ping(); began.append(time.monotonic()); print("waits", flush=True); redis.blpop("nothing", timeout=45)
try:
    {"statement": statement, "job": job}[sys.argv[1]]()
except (DatabaseError, RedisError) as error:
    print(f"gave up after {time.monotonic() - began[0]:.1f} s: {type(error).__name__}", flush=True)
"""


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    try:
        with Network(("data", "a")) as made:
            yield made
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")


@pytest.fixture
def cluster(network: Network) -> Iterator[Cluster]:
    try:
        made = Cluster(inside=network.inside("data"), address=network.addresses["data"])
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")
    yield made
    made.close()


def test_whoever_waits_gives_up_and_so_does_the_database(network: Network, cluster: Cluster, tmp_path: Path) -> None:
    password, data = secrets.token_hex(8), network.addresses["data"]
    argv = [valkey_server(), "--bind", data, "--port", "6379", "--requirepass", password, "--save", "", "--dir", str(tmp_path)]
    valkey = started([*network.inside("data"), *argv], {}, tmp_path / "valkey.log")
    env = {
        "PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "opsconsole.settings", "SECRET_KEY": "only-for-tests", "DATA_DIR": str(tmp_path),
        "DATABASE_URL": cluster.url, "REDIS_URL": f"redis://:{password}@{data}:6379/0",
    }  # fmt: skip
    logs = {what: tmp_path / f"{what}.log" for what in ("statement", "job")}
    waiting = {what: started([*network.inside("a"), sys.executable, "-c", WAITS, what], env, log) for what, log in logs.items()}
    try:
        until("both to wait", lambda: all(log.exists() and "waits" in log.read_text() for log in logs.values()), seconds=60)
        assert at_database(cluster, network.addresses["a"]) == 1
        network.cut("a")
        cut = time.monotonic()
        until("the database to let go", lambda: not at_database(cluster, network.addresses["a"]), seconds=40)
        assert time.monotonic() - cut < NOTICED
        until("both to give up", lambda: all("gave up" in log.read_text() for log in logs.values()), seconds=60)
        after = {what: float(log.read_text().partition("gave up after ")[2].split()[0]) for what, log in logs.items()}
        assert all(3 < seconds < NOTICED for seconds in after.values()), after
    finally:
        for process in (*waiting.values(), valkey):
            ended(process)


def at_database(cluster: Cluster, address: str) -> int:
    with psycopg.connect(cluster.dsn) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE client_addr = %s", (address,)).fetchall()
        return int(count)


def test_what_was_made_is_removed(network: Network) -> None:
    [*made] = PLACES.glob(f"{network._place('')}*")
    assert {path.name.rpartition("-")[2] for path in made} == {"data", "a", "wire"}
    done = subprocess.run([*network.inside("a"), "hostname"], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.strip() == "a"
    network.__exit__()
    assert not [path for path in made if path.exists()]
