"""What all tests share: the cast, the estate in a box, and no network but this machine's own."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.db import connection
from django.db.models.signals import post_migrate
from pytest_django.fixtures import Settings
from pytest_django.plugin import DjangoDbBlocker
from xdist.scheduler import LoadFileScheduling

from live import publish, wire
from people.models import Operator, Role
from runs import leases, witness
from tests import box
from tests.sentry import Intake, listening
from tests.valkey import Valkey, running

HERE = ("127.0.0.1", "::1", "localhost")
ONE_DEMO = "tests/journeys/one_demo"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take long goes first: a run on several cores must not end with one of them working and the others done.

    What shares a demo stays together: it would be started once more for whatever comes after others.
    """
    longest: dict[str, float] = {}
    for item in items:
        scope = _scope(item.nodeid)
        longest[scope] = max(longest.get(scope, 0.0), _allowed(item))
    places = {scope: place for place, scope in enumerate(sorted(longest, key=lambda scope: -longest[scope]))}
    items.sort(key=lambda item: places[_scope(item.nodeid)])


def _scope(nodeid: str) -> str:
    """What runs in one process: a file, or the folder whose files share a demo."""
    file = nodeid.partition("::")[0]
    return ONE_DEMO if file.startswith(f"{ONE_DEMO}/") else file


class Together(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    return Together(config, log)


def _allowed(item: pytest.Item) -> float:
    """Seconds that the file of a test asks for; files that ask for nothing go last, in the order in which they came."""
    module = item.getparent(pytest.Module)
    marks = () if module is None else module.iter_markers("timeout")
    return max((float(mark.args[0] if mark.args else mark.kwargs.get("timeout", 0)) for mark in marks), default=0.0)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """PostgreSQL refuses to empty the audit trail; what empties every table between two tests has to.

    That would also write Django's own permissions and kinds of content anew each time, which nothing here reads. In the end PostgreSQL
    refuses to drop a database while a thread that some test has left holds a connection to it.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql" and "audit_entry" in connection.introspection.table_names():  # made where a test asks for it
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_not_emptied")
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND starts_with(datname, 'test_') AND pid <> pg_backend_pid()"
                )


@pytest.fixture
def person(db: None) -> Callable[[str, Role], Operator]:
    def make(name: str, role: Role) -> Operator:
        return Operator.objects.create_user(username=name, password=f"{name}-long-enough", role=role)

    return make


@pytest.fixture
def viewer(person: Callable[[str, Role], Operator]) -> Operator:
    return person("viewer", Role.VIEWER)


@pytest.fixture
def operator(person: Callable[[str, Role], Operator]) -> Operator:
    return person("operator", Role.OPERATOR)


@pytest.fixture
def releaser(person: Callable[[str, Role], Operator]) -> Operator:
    return person("releaser", Role.RELEASER)


@pytest.fixture
def admin(person: Callable[[str, Role], Operator]) -> Operator:
    return person("admin", Role.ADMIN)


@pytest.fixture
def stranger(person: Callable[[str, Role], Operator]) -> Operator:
    """Signed in, and nothing more."""
    return person("stranger", Role.NONE)


@pytest.fixture(autouse=True)
def no_witness() -> None:
    """Each test has a new database, and its runs the same numbers."""
    witness.place().unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def ends_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever could not renew a lease ends its process: where a machine stands still for seconds that would be the tests' own."""
    monkeypatch.setattr(leases, "_end_process", lambda: None)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in HERE:
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    def looked_up(host: Any, *more: Any, **named: Any) -> Any:
        """Any other name is one that nobody knows; asking for it would be heard outside."""
        if host is not None and _text(host) not in HERE and not _is_address(_text(host)):
            raise socket.gaierror(socket.EAI_NONAME, f"no test looks up {_text(host)}")
        return look_up(host, *more, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


def _text(host: str | bytes) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The estate in a box, once for each process of a test run; what its ready.json says."""
    with box.running(tmp_path_factory.mktemp("box") / "sandbox", speed=100) as ready:
        yield ready


@pytest.fixture
def sandbox(sandbox_process: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The standard environment by which everything finds the sandbox, and nothing else."""
    for name in [name for name in os.environ if name.upper().startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in box.environment(sandbox_process).items():
        monkeypatch.setenv(name, value)
    return sandbox_process


@pytest.fixture(scope="session")
def _valkey() -> Iterator[Valkey]:
    with running() as valkey:
        yield valkey


@pytest.fixture
def valkey(_valkey: Valkey, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """Redis, empty, and the one that the settings name."""
    settings.REDIS_URL = _valkey.url
    monkeypatch.setattr(wire, "_clients", {})
    monkeypatch.setattr(publish, "_away_until", {})
    wire.client().flushall()
    yield _valkey
    wire.client().close()


@pytest.fixture
def intake() -> Iterator[Intake]:
    """A Sentry that nobody has told anything yet."""
    with listening() as intake:
        yield intake
