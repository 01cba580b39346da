"""What the settings ask of PostgreSQL: statements and idle transactions that end, and connections that are lent. On PostgreSQL alone."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from faults import postgresql

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("postgres" not in os.environ.get("DATABASE_URL", ""), reason="not on PostgreSQL: ./console test --postgresql"),
]
ASKED = """
import django; django.setup()
from threading import Barrier, Thread
from django.db import connection
lent, seen = Barrier(2), set()
def request():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        seen.add(cursor.fetchone()[0])
    lent.wait()
    connection.close()
for _ in range(6):
    pair = [Thread(target=request), Thread(target=request)]
    [each.start() for each in pair]; [each.join() for each in pair]
print(len(seen))
"""


@pytest.fixture
def hasty() -> Iterator[psycopg.Connection[Any]]:
    """A connection as any of the console's, whose patience is shorter."""
    parameters = connection.get_connection_params()
    parameters |= {"options": parameters["options"].replace("30000", "300"), "cursor_factory": psycopg.Cursor}
    with psycopg.connect(**parameters) as made:
        yield made
        made.close()


def test_a_statement_ends_after_its_time(hasty: psycopg.Connection[Any]) -> None:
    hasty.execute("SELECT pg_sleep(0.01)")
    with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
        hasty.execute("SELECT pg_sleep(20)")


def test_whoever_stops_in_mid_transaction_keeps_nobody_from_going_on(hasty: psycopg.Connection[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO watched (name, error, failures) VALUES ('a', '', 0)")
    hasty.execute("UPDATE watched SET failures = 1")
    with connection.cursor() as cursor:  # waits for the row, and gets it
        cursor.execute("UPDATE watched SET failures = failures + 10")
        cursor.execute("SELECT failures FROM watched")
        assert cursor.fetchone() == (10,)
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        hasty.execute("SELECT 1")


@pytest.mark.parametrize("size, opened", [("0", 12), ("2", 2)])
def test_connections_are_lent_where_there_is_a_pool(size: str, opened: int) -> None:
    if size != "0" and importlib.util.find_spec("psycopg_pool") is None:
        pytest.skip("psycopg_pool is not installed here")
    found = connection.settings_dict
    url = f"postgres://{found['USER']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"
    env = os.environ | {"DATABASE_URL": url, "DATABASE_POOL": size, "DJANGO_SETTINGS_MODULE": "opsconsole.settings"}
    done = subprocess.run([sys.executable, "-c", ASKED], cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) == opened


def test_a_database_that_does_not_take_every_character_is_refused_before_anything_is_in_it() -> None:
    url = os.environ["DATABASE_URL"]
    check = [sys.executable, "manage.py", "check", "--database", "default"]

    def checked(there: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"DJANGO_SETTINGS_MODULE": "opsconsole.settings", "DATABASE_URL": there, "SITE_URL": "http://localhost:8000"}
        return subprocess.run(check, env=env, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60, check=False)

    assert checked(url).returncode == 0
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        try:
            refused = checked(f"{url.rpartition('/')[0]}/ascii")
        finally:
            server.execute("DROP DATABASE ascii")
    assert "console.E009" in refused.stderr
    assert "SQL_ASCII" in refused.stderr


def test_a_backup_is_put_back_over_what_newer_code_has_added() -> None:
    """By the very commands of docs/operations.md, on a database of this server."""
    page = (settings.BASE_DIR / "docs/operations.md").read_text().replace("console", "restored")
    found = connection.settings_dict
    where = f"-h {found['HOST']} -p {found['PORT']} -U {found['USER']}"

    def as_written(program: str, file: str = "") -> None:
        [line] = set(re.findall(rf"^    runuser -u postgres -- ({program} .*restored.*)$", page, re.MULTILINE))
        ours = line.partition("#")[0].replace("--owner restored ", "").replace("FILE", file)
        ours = re.sub(r"\S+restored-.+\.dump", file, ours).replace(program, f"{postgresql.program(program)} {where}", 1)
        subprocess.run(["/bin/bash", "-euc", ours], check=True, timeout=60)

    with tempfile.NamedTemporaryFile() as dump, psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute("CREATE DATABASE restored TEMPLATE template0")
        try:
            there = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/restored"
            with psycopg.connect(there) as old:
                old.execute("CREATE TABLE run (number bigint PRIMARY KEY)")
                old.execute("INSERT INTO run VALUES (1)")
            as_written("pg_dump", dump.name)
            with psycopg.connect(there) as newer:
                newer.execute("INSERT INTO run VALUES (2)")
                newer.execute("CREATE TABLE added (run bigint REFERENCES run)")
            as_written("dropdb")
            as_written("createdb")
            as_written("pg_restore", dump.name)
            with psycopg.connect(there) as back:
                assert back.execute("SELECT number FROM run").fetchall() == [(1,)]
                assert back.execute("SELECT to_regclass('added')").fetchone() == (None,)
        finally:
            server.execute("DROP DATABASE IF EXISTS restored WITH (FORCE)")
