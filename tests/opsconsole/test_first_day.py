"""The first day on another account, with real processes: proposed, started, an admin let in, looked at; and nothing there is changed.

What each single button says is held by `test_observe_mode`; here it is the processes that a person starts, and what they find.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from door.managed import joined
from door.places import MANAGE, ROOT, tool
from tests import valkey
from tests.estate import other_account
from tests.estate.other_account import REGION, Account

pytestmark = pytest.mark.timeout(300)

PASSWORD = "five words nobody puts together"
PAGES = ("/", "/services/", "/services/store/production/", "/runs/", "/monitoring/", "/alarms/", "/health/", "/deadlines/", "/access/",
         "/estate/", "/estate/topology/", "/handover/", "/handover/document/", "/people/", "/audit/", "/console/")  # fmt: skip


def account_as_it_is(account: Account) -> list[Any]:
    """What somebody with the right to write could have changed."""
    watch, beanstalk, ec2 = account.aws("cloudwatch"), account.aws("elasticbeanstalk"), account.aws("ec2")
    return [
        sorted((each["AlarmName"], each["Threshold"], each["ActionsEnabled"]) for each in watch.describe_alarms()["MetricAlarms"]),
        sorted((each["EnvironmentName"], each["Status"]) for each in beanstalk.describe_environments()["Environments"]),
        sorted((each["GroupId"], len(each["IpPermissions"])) for each in ec2.describe_security_groups()["SecurityGroups"]),
        sorted(each["TopicArn"] for each in account.aws("sns").list_topics()["Topics"]),
        account.aws("sns").list_subscriptions()["Subscriptions"],
        sorted(each["SnapshotId"] for each in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]),
    ]


def done(argv: list[str], environment: dict[str, str]) -> str:
    found = subprocess.run(
        argv, cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@contextmanager
def process(argv: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        started = subprocess.Popen(argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield
        assert started.poll() is None, log.read_text()
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def until(holds: Callable[[], bool], what: str, logs: Path) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end, what + "".join(f"\n{log.name}: {log.read_text()[-2000:]}" for log in logs.glob("*.log"))
        time.sleep(0.3)


def answers(client: httpx.Client, path: str) -> int:
    try:
        return client.get(path).status_code
    except httpx.TransportError:
        return 0


def sent(client: httpx.Client, page: str, action: str, **fields: str) -> httpx.Response:
    """A form of that page, with its token."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert token is not None, page
    return client.post(action, data={"csrfmiddlewaretoken": token[1], **fields}, headers={"Referer": str(client.base_url)})


def test_a_console_of_its_own_on_another_account_observes_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh_config").write_text("Host *\n  HostName 127.0.0.1\n  Port 9\n")  # none of its hosts answers
    with other_account.running(monkeypatch) as account, valkey.running() as redis, ExitStack() as processes:
        estate = tmp_path / "estate.yaml"
        done([sys.executable, "-m", "door", "init", "--profile", "", "--region", REGION, "--output", str(estate)], dict(os.environ))
        assert yaml.safe_load(estate.read_text())["observe"] is True
        before = account_as_it_is(account)

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        site = f"http://localhost:{port}"
        # The key of the audit trail is fixed before anybody is let in: all processes have the same, in whatever folder they write.
        environment = dict(os.environ) | {
            "DJANGO_SETTINGS_MODULE": "opsconsole.settings", "SECRET_KEY": secrets.token_urlsafe(48),
            "AUDIT_KEY": secrets.token_urlsafe(48), "DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'console.sqlite3'}",
            "REDIS_URL": redis.url, "ESTATE_FILE": str(estate), "SITE_URL": site, "SECOND_FACTOR": "off",
            "SSH_CONFIG": str(tmp_path / "ssh_config"),
        }  # fmt: skip
        managed = joined(
            ["migrate", "--noinput"], ["collectstatic", "--noinput", "--verbosity", "0"], ["operator", "first", "--role", "admin"]
        )
        welcome = re.findall(rf"{site}(/\S+)", done([sys.executable, "-m", "door.managed", *managed], environment))[0]
        web = [tool("uvicorn"), "opsconsole.asgi:application", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        for name, argv in {"web": web, "worker": [*MANAGE, "worker"], "scheduler": [*MANAGE, "scheduler"]}.items():
            processes.enter_context(process(argv, environment, tmp_path / f"{name}.log"))
        client = processes.enter_context(httpx.Client(base_url=site, trust_env=False, follow_redirects=True, timeout=30))
        until(lambda: answers(client, "/readyz") == 200, "the console", tmp_path)

        place = client.get(welcome).url.path
        sent(client, place, place, new_password1=PASSWORD, new_password2=PASSWORD)
        sent(client, "/sign-in/", "/sign-in/", username="first", password=PASSWORD)
        until(lambda: "acme-store-live-web" in client.get("/services/store/production/").text, "the hosts", tmp_path)
        until(lambda: "/estate/volume/" in client.get("/estate/").text, "the volumes", tmp_path)
        for page in PAGES:
            answer = client.get(page)
            assert answer.status_code == 200, page
            assert "Observes only" in answer.text, page

        card = re.findall(r'"(/estate/volume/[^"]+/)"', client.get("/estate/").text)[0]
        said = unescape(client.get(card).text)
        assert "aws ec2 create-snapshot --volume-id vol-" in said  # what it would do
        assert "observes only" in said
        assert "/operations/" not in said  # there is nothing to press
        assert sent(client, card, f"{card}operations/snapshot/", confirmation=card.split("/")[-2]).status_code == 403
        assert not re.search(r"/runs/\d+/", client.get("/runs/").text)
        assert account_as_it_is(account) == before
        done([*MANAGE, "audit", "verify"], environment)
