"""A PostgreSQL of the suite's own, in a temporary folder: stopped as a machine that loses its power, frozen, started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faults.points import NotRun
from faults.processes import until

_PLACES = "/usr/lib/postgresql"


def program(name: str) -> str:
    """Debian keeps them by version, out of the way. Raises NotRun."""
    kept = sorted(Path(_PLACES).glob(f"*/bin/{name}"), reverse=True) if Path(_PLACES).is_dir() else []
    found = str(kept[0]) if kept else shutil.which(name)
    if found is None:
        raise NotRun("PostgreSQL's programs are not installed: what is about PostgreSQL was not run.")
    return found


class Cluster:
    """Raises NotRun where there is no PostgreSQL. `inside` stands before its command: it runs on another machine, at that address."""

    def __init__(self, *, inside: Sequence[str] = (), address: str = "127.0.0.1") -> None:
        self._inside, self._address = list(inside), address
        initdb, self._server = program("initdb"), program("postgres")
        self.folder = Path(tempfile.mkdtemp(prefix="faults-pg-"))
        self._data = self.folder / "data"
        self._user = self._somebody()
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self._port: int = sock.getsockname()[1]
        self._run([initdb, "-D", str(self._data), "-U", "console", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"])
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.77.0.0/24 trust\n")  # of `faults.machines`
        self.start()
        self._run([program("createdb"), "-h", str(self.folder), "-p", str(self._port), "-U", "console", "console"])
        self.url = f"postgres://console@{address}:{self._port}/console"
        self.dsn = f"host={self.folder} port={self._port} user=console dbname=console"  # by its socket, from wherever

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        argv = [self._server, "-D", str(self._data), "-p", str(self._port), "-c", f"listen_addresses={self._address}"]
        argv += ["-c", f"unix_socket_directories={self.folder}", "-c", "max_connections=100"]
        with log:
            user = {} if self._inside else self._user
            became = (
                ["setpriv", f"--reuid={self._user['user']}", f"--regid={self._user['group']}", "--clear-groups"] if self._inside else []
            )
            self._process = subprocess.Popen(
                [*self._inside, *became, *argv], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, **user
            )
        until("PostgreSQL", self._answers, seconds=60)

    def stop(self) -> None:
        """`immediate`: no word to anybody, no checkpoint."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)

    def freeze(self) -> None:
        for pid in self._all():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._all():
            with contextlib.suppress(ProcessLookupError):  # it had been asked to end while it was frozen
                os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[int]:
        assert self._process is not None
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return [main, *map(int, children)]

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(f"host={self.folder} port={self._port} user=console dbname=postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _somebody(self) -> dict[str, Any]:
        """PostgreSQL refuses to be run by root."""
        if os.getuid() != 0:
            return {}
        names = [entry.pw_name for entry in pwd.getpwall()]
        other = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(self.folder, other.pw_uid, other.pw_gid)
        return {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}

    def _run(self, argv: list[str]) -> None:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, cwd=self.folder, **self._user)
        if done.returncode != 0:
            raise NotRun(f"PostgreSQL cannot be started here: {' '.join(argv[:1])} says {done.stderr.strip()[-300:]}")
