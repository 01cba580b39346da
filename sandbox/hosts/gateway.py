"""The gateway: HAProxy in front of the Windows instance, its configuration as it runs, and its stats socket, played.

The configuration is the client's own, with what is wrong in it: port 21 claimed twice, and RDP's port inside the range of FTP's data.
"""

from __future__ import annotations

import contextlib
import shutil
import socketserver
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from sandbox.hosts.faults import stands
from sandbox.repositories.packer import HAPROXY
from sandbox.world import Host, World

UNIT = "haproxy"
# Added by hand on the gateway, and brought to no repository.
_FRONTEND = """frontend custom_connection_ftp
    bind *:21
    default_backend custom_connection_ftp

"""
_BACKEND = """
backend custom_connection_ftp
    server custom-1 10.0.101.82:21
"""
CONFIG = HAPROXY.replace("\nbackend windows_smb\n", f"\n{_FRONTEND}backend windows_smb\n") + _BACKEND
_COLUMNS = (
    "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,"
    "downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration"
)
_FRONTENDS = ("smb", "application", "rdp", "ftp", "custom_connection_ftp")
_BACKENDS = {
    "windows_smb": "win",
    "windows_application": "win",
    "windows_rdp": "win",
    "windows_ftp": "win",
    "custom_connection_ftp": "custom-1",
}


def install(world: World, host: Host) -> None:
    for folder in ("etc/haproxy", "run/haproxy"):
        (host.root / folder).mkdir(parents=True, exist_ok=True)
    (host.root / "etc/haproxy/haproxy.cfg").write_text(CONFIG)


def start(world: World, host: Host) -> Callable[[], None]:
    """Answers on the stats socket until the answer is called."""
    folder = Path(tempfile.mkdtemp(prefix="sandbox-gateway-"))
    server = _Stats(str(folder / "s"), _Conversation)
    server.world, server.host, server.since = world, host, time.monotonic()
    link = host.root / "run/haproxy/admin.sock"
    link.unlink(missing_ok=True)
    link.symlink_to(folder / "s")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="gateway-stats", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder, ignore_errors=True)

    return stop


def stat(world: World, host: Host, seconds: int) -> str:
    """`show stat`: with the fault `windows-down` the application's port refuses."""
    down = stands(world, "windows-down", host)
    lines = [f"# {_COLUMNS},"]
    for name in _FRONTENDS:
        lines.append(_row(pxname=name, svname="FRONTEND", status="OPEN", type="0", scur="2", stot="1840"))
    for name, server in _BACKENDS.items():
        if server == "custom-1":
            lines.append(_row(pxname=name, svname=server, status="no check", type="2", lastchg=str(seconds)))
        elif down and name == "windows_application":
            state = {"status": "DOWN", "check_status": "L4CON", "lastchg": "41"}
            lines.append(_row(pxname=name, svname=server, type="2", **state))
        else:
            lines.append(
                _row(pxname=name, svname=server, status="UP", type="2", check_status="L4OK", check_duration="1", lastchg=str(seconds))
            )
        lines.append(_row(pxname=name, svname="BACKEND", status="DOWN" if down and name == "windows_application" else "UP", type="1"))
    return "\n".join(lines) + "\n\n"


def _row(**values: str) -> str:
    return ",".join(values.get(name, "") for name in _COLUMNS.split(",")) + ","


class _Stats(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    world: World
    host: Host
    since: float


class _Conversation(socketserver.StreamRequestHandler):
    """One command a connection, as HAProxy does it without a prompt."""

    timeout = 10

    def handle(self) -> None:
        server = cast("_Stats", self.server)
        seconds = int(time.monotonic() - server.since)
        with contextlib.suppress(OSError):
            match self.rfile.readline().decode("utf-8", "replace").strip():
                case "show stat":
                    answer = stat(server.world, server.host, seconds)
                case "show info":
                    answer = f"Name: HAProxy\nVersion: 2.6.12-1+deb12u4\nUptime_sec: {seconds}\nPid: 812\nCurrConns: 10\n\n"
                case _:
                    answer = "Unknown command.\n\n"
            self.wfile.write(answer.encode())
