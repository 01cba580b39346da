"""`./console demo`: the console and an estate in a box on this machine.

Starts, side by side where that is possible: the sandbox, an embedded Valkey, the migrations and static files; then the process that owns
the SSH connections, web, two workers and the scheduler. Each finds the sandbox through the standard environment alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from door.children import Child, Children
from door.managed import joined
from door.places import MANAGE, PYTHON, ROOT, Failed, tool, valkey_server
from door.statics import static_files_are_new

USUAL_PORT = 8000
MARK = ".ops-console-demo"
# Addresses that only the sandbox's proxy knows: what goes there is shown on its control page.
CHATS = {
    "on-call": "mail:on-call@client.url",
    "team-slack": "slack:https://hooks.slack.com/services/sandbox",
    "team-teams": "teams:https://client.webhook.office.com/webhookb2/sandbox",
    "tickets": "webhook:https://hooks.example.com/ops-console",
}
LONGEST_SOCKET = 100  # bytes; the system's limit for a socket's path is 107
WORKERS = 2
DATABASE = "console.sqlite3"
MACHINES = ("nfs", "rundeck", "openvpn", "gateway")  # of no Beanstalk environment, reached by their names
# Of somebody's shell: none of it may reach the demo, whose AWS is the sandbox.
FOREIGN = (
    "AWS_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
    "DATABASE_URL",
    "REDIS_URL",
    "LIVE_REDIS_URLS",
    "SSH_",
    "GIT_",
    "OIDC_",
    "AUDIT_",
    "RUNDECK_",
    "EMAIL_URL",
    "NOTIFY_TARGETS",
    "SENTRY_",
)


def demo(data: Path, *, port: int | None, speed: float, seed: int, fresh: bool) -> int:
    """Until SIGINT or SIGTERM. Raises Failed."""
    data = data.resolve()
    _prepare_folder(data, fresh=fresh)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with _alone(data), _socket_folder(data) as sockets, contextlib.suppress(KeyboardInterrupt), Children() as children:
        _start(children, data, sockets, _free_port(port), speed, seed)
        children.watch(ended=_interrupted.is_set)
    return 0


_interrupted = threading.Event()


def _interrupt(number: int, _: object) -> None:
    """Told in two ways: what is raised while an object is taken away (a Popen whose process has died) is lost there."""
    _interrupted.set()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not keep the children from ending
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _start(children: Children, data: Path, sockets: Path, port: int, speed: float, seed: int) -> None:
    logs, own = data / "logs", _own_environment(data, sockets, port)
    if (data / DATABASE).exists():
        note = "The played estate begins anew, while the console goes on from what it knew of it; --fresh lets it forget that."
        print(note, file=sys.stderr, flush=True)
    (data / "sandbox" / "ready.json").unlink(missing_ok=True)
    box = [PYTHON, "-m", "sandbox", "--data", str(data / "sandbox"), "--speed", str(speed), "--seed", str(seed)]
    children.start(Child("sandbox", box, _bare(), logs / "sandbox.log", restarted=False, dies_by=signal.SIGTERM))
    children.start(Child("valkey", _valkey(data, sockets), _bare(), logs / "valkey.log"))
    known_by = joined(["migrate", "--noinput"], ["demo_cast", "--keep", str(data / "cast.json")])
    with _side_by_side(logs, own, "database", known_by) as cast, _statics(logs, own, data):
        children.wait_until("the sandbox", (data / "sandbox" / "ready.json").is_file, seconds=300)
        ready = json.loads((data / "sandbox" / "ready.json").read_text())
        env = own | _sandbox_environment(ready)
        children.start(Child("broker", [PYTHON, "-m", "remote.ssh.broker", env["SSH_BROKER"]], env, logs / "broker.log"))
    children.wait_until("the broker", Path(env["SSH_BROKER"]).is_socket, seconds=60)
    with _side_by_side(logs, env, "hosts", joined(["install_runner"], ["install_access_programs"], ["install_runner", *MACHINES])):
        for name, argv in _processes(port).items():
            children.start(Child(name, argv, env, logs / f"{name}.log"))
        children.wait_until("the console", lambda: _is_ready(port), seconds=120)
    say = [line for line in cast if line.startswith("Sign in: ")] + [f"Sandbox: {ready['control']}"]
    say += [line for line in cast if line.startswith("API token: ")] + [f"Ready: http://localhost:{port}"]
    for line in say:
        print(line, flush=True)


def _processes(port: int) -> dict[str, list[str]]:
    web = [tool("uvicorn"), "opsconsole.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
    web += ["--timeout-graceful-shutdown", "3", "--no-access-log", "--log-level", "warning"]
    web += ["--ws-per-message-deflate", "false"]  # compressing a frame once for each viewer costs more than sending it
    workers = {f"worker-{number}": [*MANAGE, "worker"] for number in range(1, WORKERS + 1)}
    return {"web": web, **workers, "scheduler": [*MANAGE, "scheduler"]}


# -- The environment of the children


def _bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}


def _own_environment(data: Path, sockets: Path, port: int) -> dict[str, str]:
    return _bare() | {
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
        "DATA_DIR": str(data),
        "DATABASE_URL": f"sqlite:///{data / DATABASE}",
        "REDIS_URL": f"unix://{sockets / 'valkey'}?db=0",
        "SSH_BROKER": str(sockets / "ssh"),
        "SECRET_KEY": _kept(data / "secret_key"),
        "SITE_URL": f"http://localhost:{port}",
        "SECOND_FACTOR": "off",
    }


def _sandbox_environment(ready: Mapping[str, str]) -> dict[str, str]:
    """Fake credentials, always: nothing here can reach an AWS account, whatever the shell or the home folder holds."""
    return {
        "AWS_ENDPOINT_URL": ready["aws_endpoint"],
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox-secret",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HTTP_PROXY": ready["proxy"],
        "HTTPS_PROXY": ready["proxy"],
        "NO_PROXY": "127.0.0.1,localhost",
        "SSL_CERT_FILE": ready["ca_file"],
        "SSH_CONFIG": ready["ssh_config"],
        "RUNDECK_TOKEN": ready["rundeck_token"],
        "EMAIL_URL": ready["mail"],
        "DEFAULT_FROM_EMAIL": "ops-console@client.url",
        "NOTIFY_TARGETS": json.dumps(CHATS),
    }


def _kept(path: Path) -> str:
    """A secret of this demo: made once, readable by its owner alone."""
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text()


# -- Folders, ports, sockets


def _prepare_folder(data: Path, *, fresh: bool) -> None:
    """Only a folder that a demo made is ever emptied."""
    if fresh and data.exists() and any(data.iterdir()):
        if not (data / MARK).exists():
            raise Failed(f"{data} was not made by a demo: it is not emptied. Name another folder with --data.")
        with _alone(data):
            shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / MARK).touch()


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failed(f"A demo is running on {data} already. End it, or name another folder with --data.") from None
        yield


@contextlib.contextmanager
def _socket_folder(data: Path) -> Iterator[Path]:
    """In the data folder; in a short one of our own where its path is too long for a socket."""
    folder = data / "sockets"
    if len(bytes(folder)) < LONGEST_SOCKET - len("/valkey"):
        folder.mkdir(mode=0o700, exist_ok=True)
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="ops-console-") as short:
            yield Path(short)


def _free_port(asked: int | None) -> int:
    if asked:
        if not _is_free(asked):
            raise Failed(f"Port {asked} is taken. Name another one with --port.")
        return asked
    return USUAL_PORT if asked is None and _is_free(USUAL_PORT) else _any_port()


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _any_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


def _valkey(data: Path, sockets: Path) -> list[str]:
    (data / "valkey").mkdir(exist_ok=True)
    options = {
        "port": "0", "unixsocket": str(sockets / "valkey"), "unixsocketperm": "700", "dir": str(data / "valkey"),
        "appendonly": "yes", "save": "", "maxmemory-policy": "noeviction",
    }  # fmt: skip
    return [valkey_server(), *(word for name, value in options.items() for word in (f"--{name}", value))]


# -- What is done once


@contextlib.contextmanager
def _side_by_side(logs: Path, env: Mapping[str, str], name: str, commands: list[str]) -> Iterator[list[str]]:
    """Runs while the block runs, and has succeeded when the block is left; what it printed stands in the list then. Raises Failed."""
    logs.mkdir(parents=True, exist_ok=True)
    log, printed = logs / f"{name}.log", list[str]()
    argv = [PYTHON, "-m", "door.managed", *commands]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            argv, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        yield printed
        printed += process.communicate(timeout=120)[0].splitlines()
        if process.returncode != 0:
            last = [*printed, *log.read_text(errors="replace").splitlines()][-15:]
            raise Failed(f"“{name}” failed. The end of {log}:\n" + "\n".join(last))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _statics(logs: Path, env: Mapping[str, str], data: Path) -> Iterator[None]:
    with static_files_are_new(data) as are_new:
        collect = ["collectstatic", "--noinput", "--clear", "--verbosity", "0"]
        with _side_by_side(logs, env, "collectstatic", collect) if are_new else contextlib.nullcontext():
            yield


def _is_ready(port: int) -> bool:
    return _asked(f"http://127.0.0.1:{port}/readyz") == 200


def _asked(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            status: Any = answer.status
            return int(status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, urllib.error.URLError):
        return 0
