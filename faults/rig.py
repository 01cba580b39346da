"""One estate in a box and one console against it, each in its own processes. The truth is asked of the box, the screen of the console."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from door.demo import MACHINES, _bare, _sandbox_environment
from door.managed import joined
from door.places import valkey_server
from faults import openssh, postgresql, timing
from faults.processes import ROOT, NotThere, Nursery, ended, started, until
from faults.proxy import Proxy, in_front

_made: list[bytes] = []
_making = threading.Lock()
TERMINAL = ("succeeded", "failed", "cancelled", "unknown", "waiting")


class Valkey:
    """Can be killed, emptied and started again: what it held is gone then."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder, self._env = folder, env
        self.socket = folder / "valkey.sock"
        self.url = f"unix://{self.socket}?db=0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [valkey_server(), "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self._folder)]
        self._process = started(argv, self._env, self._folder / "valkey.log")
        until("Valkey", self.socket.exists, seconds=20)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self.socket.unlink(missing_ok=True)

    def flush(self) -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(self.socket))
            sock.sendall(b"FLUSHALL\r\n")
            sock.recv(64)

    def stop(self) -> None:
        ended(self._process)


class Rig:
    """`with Rig() as rig:`; everything it started ends with it, and its folder goes (unless it is to be looked at)."""

    def __init__(
        self,
        *,
        seed: int = 1,
        speed: float | None = None,
        database: str = "sqlite",
        sabotage: str = "",
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-"))
        self.seed, self.speed, self.sabotage = seed, speed or timing.SPEED, sabotage
        self._database, self._more = database, dict(more or {})
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.web = 0
        self.workers: list[int] = []  # of the schedule that is being played
        self.version = ""  # of the console's code, where it is another one
        self.cluster: Any = None
        self.spoiled = False  # what was done to its world is not undone: the next point wants another one
        self.proxies: dict[str, Proxy] = {}
        self.prefix = ""  # of the points that are asked for: what begins otherwise need not be found out
        self._clients: dict[str, Any] = {}
        self.known: dict[str, Any] = {}  # what `faults.ways` has found out about this console
        self.acts: dict[str, list[dict[str, Any]]] = {}
        self.foreign: set[str] = set()  # environments of Beanstalk's in which somebody else's version has been live, and fits the database
        self.built = 0  # versions by somebody else

    def __enter__(self) -> Rig:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "nursery"):
            self.nursery.close()
        for proxy in self.proxies.values():
            proxy.close()
        if hasattr(self, "valkey"):
            self.valkey.stop()
        for process in reversed(self._processes):
            ended(process, grace=10)
        if self.cluster is not None:
            self.cluster.close()
        if not os.environ.get("FAULTS_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        bare = _bare() | {"PYTHONUNBUFFERED": "1"}
        bare.pop("PYTHONDONTWRITEBYTECODE", None)  # without what was compiled, each start of a Python costs five seconds
        box = [sys.executable, "-m", "sandbox", "--data", str(self.folder / "box"), "--speed", str(self.speed), "--seed", str(self.seed)]
        self.sandbox = started([*box, "--throttle", "off", "--die-with-parent"], bare, self.folder / "sandbox.log")
        self._processes.append(self.sandbox)
        stores = self._start_stores(bare)
        self.port = _free_port()
        own = bare | timing.SETTINGS | stores | {
            "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
            "DATA_DIR": str(self.folder / "console"),
            "SSH_BROKER": str(self.folder / "ssh"),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "SITE_URL": f"http://127.0.0.1:{self.port}",
            "ESTATE_FILE": str(shutil.copy(ROOT / "estate.yaml", self.folder)),
            "SECOND_FACTOR": "off",
        }  # fmt: skip
        (self.folder / "console" / "staticfiles").mkdir(parents=True)
        self.journal = self.folder / "journal"
        self.env = own
        self._make_database()
        ready_file = self.folder / "box" / "ready.json"
        until("the sandbox", lambda: ready_file.is_file() or self.sandbox.poll() is not None, seconds=90)
        if self.sandbox.poll() is not None:
            raise NotThere((self.folder / "sandbox.log").read_text()[-2000:])
        self.ready = json.loads(ready_file.read_text())
        self.control = httpx.Client(base_url=self.ready["control"], timeout=30, trust_env=False)
        self.env = own | _sandbox_environment(self.ready) | self._ways_to_hosts() | self._more
        cast = self.done([sys.executable, "manage.py", "demo_cast"])
        self.token = cast.rpartition("API token: ")[2].strip()
        self.password = cast.partition("Sign in: admin / ")[2].splitlines()[0]
        self._start_console()
        self.done(
            [sys.executable, "-m", "door.managed", *joined(["install_runner"], ["install_access_programs"], ["install_runner", *MACHINES])]
        )
        until("the estate's first look", self._all_seen, seconds=60, pause=0.3)

    def _start_stores(self, env: Mapping[str, str]) -> dict[str, str]:
        """The database and Redis, as the console's environment names them."""
        if self._database == "postgresql":
            self.cluster = postgresql.Cluster()
        self.valkey = Valkey(self.folder, env)
        self.valkey.start()
        return {"DATABASE_URL": self.cluster.url if self.cluster else f"sqlite:///{self.database}", "REDIS_URL": self.valkey.url}

    def _start_console(self) -> None:
        self._processes.append(
            started([sys.executable, "-m", "remote.ssh.broker", self.env["SSH_BROKER"]], self.env, self.folder / "broker.log")
        )
        self.nursery = Nursery(self.env, self.folder)
        self.http = self.caller(self.port)
        self.start_scheduler()
        self.start_web()

    def caller(self, port: int) -> httpx.Client:
        """Of the API, as the admin."""
        token = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=token, timeout=60, trust_env=False)

    def done(self, argv: list[str]) -> str:
        """What a command of the console says, once it has ended well. Raises NotThere."""
        return _done(argv, self.env)

    @property
    def database(self) -> Path:
        return self.folder / "console.sqlite3"

    @property
    def estate(self) -> Path:
        """A copy of its own: who owns what may be written otherwise in it."""
        return self.folder / "estate.yaml"

    def _make_database(self) -> None:
        """An empty one of SQLite is made once; every rig that comes later begins with a copy."""
        if self.cluster is not None:
            self.migrate()
            return
        with _making:
            if not _made:
                self.migrate()
                _made.append(self.database.read_bytes())
            else:
                self.database.write_bytes(_made[0])

    def migrate(self) -> None:
        self.done([sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"])

    def _ways_to_hosts(self) -> dict[str, str]:
        """Each through a proxy that can be made to go wrong; OpenSSH's own server among them, where there is one."""
        self.proxies = in_front(Path(self.ready["ssh_config"]), self.folder / "ssh_config")
        port = _free_port()
        server = openssh.start(self, port)
        if server is not None:
            self._processes.append(server)
            self.proxies[openssh.NAME] = Proxy(port)
            with (self.folder / "ssh_config").open("a") as config:
                config.write(openssh.block(self, self.proxies[openssh.NAME].port))
        return {"SSH_CONFIG": str(self.folder / "ssh_config")}

    def _all_seen(self) -> bool:
        answer = self.http.get("/api/v1/hosts")
        items = answer.json().get("items", []) if answer.status_code == 200 else []
        released = [item for item in items if item.get("beanstalk")]  # the others have no light of Beanstalk's
        return len(released) >= 7 and all(item.get("health_status") for item in released)

    # -- the console's processes

    def start_scheduler(self, *, inline: bool = False) -> int:
        self.scheduler = self.fork("scheduler", inline=inline)
        return self.scheduler

    def start_web(self) -> int:
        self.web = self.fork("web", port=self.port)
        until("the web", self._web_answers, seconds=60)
        return self.web

    def fork(self, role: str, **more: Any) -> int:
        special = {name: value for name, value in (("sabotage", self.sabotage), ("version", self.version)) if value}
        return self.nursery.fork(role, journal=str(self.journal), **special, **more)

    @contextlib.contextmanager
    def without(self, guard: str) -> Iterator[None]:
        """All processes of the console lack that guard (`faults.sabotage`) while the block runs."""
        indices = self._indices()
        self.sabotage = guard
        self._restart()
        try:
            yield
        finally:
            self.sabotage = ""
            self._restart()
            for name in indices.keys() - self._indices().keys():
                with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as connection:
                    connection.execute("UPDATE run SET holds_lock = 0")
                    connection.execute(indices[name])
                    connection.commit()

    def _restart(self) -> None:
        self.nursery.kill(self.scheduler, self.web)
        self.start_scheduler()
        self.start_web()

    def _indices(self) -> dict[str, str]:
        if self.cluster is not None:
            return {}
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as connection:
            return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))

    def ask(self, role: str, *, seconds: float = 60, **more: Any) -> dict[str, Any]:
        """Forks a process for one question, and reads its answer."""
        path = self.folder / f"answer-{uuid.uuid4().hex}"
        pid = self.fork(role, answer=str(path), **more)
        self.nursery.wait(pid, seconds=seconds)
        if not path.exists():
            raise NotThere(f"{role}: {(self.folder / f'{role}.log').read_text()[-1500:]}")
        answer: dict[str, Any] = json.loads(path.read_text())
        path.unlink()
        return answer

    def act(self, run: int, action: str, *words: str) -> str:
        """What a person does; "" or why it was refused."""
        return str(self.ask("act", run=run, action=action, words=words)["refused"])

    def with_pages(self) -> None:
        """Pages need their stylesheets' names; the API does not, and most promises ask the API."""
        if not (self.folder / "console/staticfiles/staticfiles.json").exists():
            self.done([sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"])
            self.nursery.kill(self.web)
            self.start_web()

    def _web_answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    # -- what a person does

    def start_run(self, plan: Mapping[str, Any], *, key: str = "") -> httpx.Response:
        body = {"plan": plan["id"], "hash": plan["hash"], "reason": "fault suite"}
        return self.http.post("/api/v1/runs", json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})

    def run(self, number: int) -> dict[str, Any]:
        answer = self.http.get(f"/api/v1/runs/{number}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def finished(self, number: int, *, seconds: float = timing.LONGEST_RUN) -> dict[str, Any]:
        """The run, when it has ended or waits for a person. Raises NotThere."""
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.update(self.run(number))
            return found["state"] in TERMINAL

        until(f"the end of run {number}", is_over, seconds=seconds, pause=0.2)
        return found

    def log(self, number: int) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        after: str | None = "0"
        while after is not None:
            page = self.http.get(f"/api/v1/runs/{number}/log", params={"after": after, "limit": 5000}).json()
            lines += page["items"]
            after = page["next"]
        return lines

    # -- the truth

    def sim(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.control.post(f"/sim/{path}", json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control.get("/sim/state").json()
        return found

    def deeds(self, after: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control.get("/sim/deeds", params={"after": after}).json()["deeds"]
        return found

    def clear_faults(self) -> None:
        self.control.delete("/sim/faults")

    def aws(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._client(service)
        return self._clients[service]

    def _client(self, service: str) -> Any:
        make: Any = boto3.session.Session().client  # the common one may not be used by rigs side by side
        return make(
            service,
            endpoint_url=self.ready["aws_endpoint"],
            region_name="eu-west-3",
            aws_access_key_id="oracle",
            aws_secret_access_key="oracle",  # noqa: S106
            config=Config(connect_timeout=5, read_timeout=20, proxies={}, retries={"mode": "standard", "total_max_attempts": 12}),
        )

    def host_root(self, name: str) -> Path:
        return self.folder / "box" / "hosts" / name


def _done(argv: list[str], env: Mapping[str, str]) -> str:
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(argv, env=dict(env), cwd=root, capture_output=True, text=True, timeout=180 * timing.slack(), check=False)
    except subprocess.TimeoutExpired as error:
        raise NotThere(f"{' '.join(argv)}: {error}") from error
    if done.returncode != 0:
        raise NotThere(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
