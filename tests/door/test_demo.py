"""`./console demo`: its folder, its environment, and once the whole of it, from the start to the last process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from door import demo
from door.places import ROOT, Failed
from door.statics import static_files_are_new
from tests.door.test_children import lives, until


def test_only_a_folder_that_a_demo_made_is_emptied(tmp_path: Path) -> None:
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter").write_text("one")
    with pytest.raises(Failed, match="was not made by a demo"):
        demo._prepare_folder(precious, fresh=True)
    assert (precious / "chapter").read_text() == "one"
    ours = tmp_path / "demo"
    demo._prepare_folder(ours, fresh=False)
    (ours / "console.sqlite3").touch()
    demo._prepare_folder(ours, fresh=False)
    assert (ours / "console.sqlite3").exists()
    demo._prepare_folder(ours, fresh=True)
    assert not (ours / "console.sqlite3").exists()
    assert ours.stat().st_mode & 0o777 == 0o700


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with demo._alone(tmp_path), pytest.raises(Failed, match="is running on"), demo._alone(tmp_path):
        pass
    with demo._alone(tmp_path):
        pass


def test_a_port_that_is_taken_is_refused_when_it_was_asked_for_and_another_one_found_when_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Failed, match=f"Port {port} is taken"):
            demo._free_port(port)
        monkeypatch.setattr(demo, "USUAL_PORT", port)
        other = demo._free_port(None)
        assert other != port
    assert demo._free_port(port) == port


def test_real_credentials_never_reach_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign = {
        "AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "real", "AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_ENDPOINT_URL_S3": "https://s3",
        "https_proxy": "http://proxy", "DATABASE_URL": "postgres://real", "GIT_SSH_COMMAND": "ssh -i real", "SSH_AUTH_SOCK": "/agent",
        "OIDC_ISSUER": "https://sso", "RUNDECK_TOKEN": "real-token", "EMAIL_URL": "smtp://real", "AUDIT_KEY": "real-key",
    }  # fmt: skip
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    ready = dict.fromkeys(("aws_endpoint", "proxy", "ca_file", "ssh_config", "rundeck_token", "mail"), "of-the-sandbox")
    env = demo._own_environment(tmp_path, tmp_path, 8000) | demo._sandbox_environment(ready)
    assert env["AWS_ACCESS_KEY_ID"] == "sandbox"
    assert env["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert not set(env.values()) & set(foreign.values())
    assert env["PATH"] == os.environ["PATH"]


def test_the_demos_secret_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    first = demo._kept(path)
    assert len(first) > 50
    assert demo._kept(path) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    with demo._socket_folder(deep) as folder:
        assert len(bytes(folder / "valkey")) < 107
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_static_files_are_collected_when_they_changed_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "staticfiles").mkdir()
    with static_files_are_new(tmp_path) as are_new:
        assert are_new
    with static_files_are_new(tmp_path) as are_new:
        assert not are_new
    with pytest.raises(RuntimeError), static_files_are_new(tmp_path / "other"):
        raise RuntimeError("it failed in between")
    assert not (tmp_path / "other").exists()


# -- The whole


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    argv = [sys.executable, "-m", "door", "demo", "--data", str(tmp_path / "demo"), "--port", str(demo._any_port())]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines: list[str] = []
        assert process.stdout
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Ready: "):
                break
        assert lines, process.stderr.read() if process.stderr else ""
        yield process, lines
        process.kill()


def descendants(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [below for child in found for below in descendants(child)]


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_from_the_first_line_to_the_last_process(whole: tuple[subprocess.Popen[str], list[str]]) -> None:
    process, lines = whole
    expected = [*(rf"Sign in: {role} / \S{{12,}}" for role in ("viewer", "operator", "releaser", "admin"))]
    expected += [r"Sandbox: http://127\.0\.0\.1:\d+", r"API token: oc_\S+", r"Ready: http://localhost:\d+"]
    assert len(lines) == len(expected)
    assert all(re.fullmatch(pattern, line) for pattern, line in zip(expected, lines, strict=True)), lines
    url, token = lines[-1].removeprefix("Ready: "), lines[-2].removeprefix("API token: ")
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    assert json.load(ask(f"{url}/readyz"))["status"] == "ready"
    request = urllib.request.Request(f"{url}/api/v1/services", headers={"Authorization": f"Bearer {token}"})  # noqa: S310  (our own)
    assert "magento" in [service["key"] for service in json.load(ask(request))["items"]]

    before = descendants(process.pid)
    worker = next(pid for pid in before if "worker" in Path(f"/proc/{pid}/cmdline").read_text().split("\0"))
    told = dict(each.partition("=")[::2] for each in Path(f"/proc/{worker}/environ").read_text().split("\0"))
    sockets = Path(told["SSH_BROKER"]).parent  # beside the data, or elsewhere where that path is too long for a socket
    assert sockets.stat().st_mode & 0o777 == 0o700
    os.kill(worker, signal.SIGKILL)
    until(lambda: len(set(descendants(process.pid)) - set(before)) >= 1)

    everybody = descendants(process.pid)
    assert len(everybody) >= 7
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    until(lambda: not [pid for pid in everybody if lives(pid)])
