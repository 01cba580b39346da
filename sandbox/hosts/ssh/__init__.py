"""SSH servers: one listener for each host and one for bitbucket.org, on free loopback ports, in an event loop of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import asyncssh

from sandbox.hosts import player_socket, stand_ins
from sandbox.hosts.boots import booted
from sandbox.hosts.paths import home
from sandbox.hosts.ssh import repositories
from sandbox.hosts.ssh.keys import BITBUCKET, Place, authorize, folder, key, place_of, write_client_files
from sandbox.hosts.ssh.sessions import Sessions
from sandbox.world import World

_PLAYED_AT_ONCE = 128  # commands that are played directly over SSH, on all hosts together
_PATIENCE = 3  # seconds for what is to be closed at the end
_Handler = Callable[["asyncssh.SSHServerProcess[bytes]"], Awaitable[None]]


class _Server(asyncssh.SSHServer):
    """Takes the keys that stand in the `authorized` file at that moment, for the one user of this place."""

    def __init__(self, user: str, authorized: Path) -> None:
        self._user, self._authorized = user, authorized

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if username == self._user:
            with contextlib.suppress(OSError, ValueError):  # no key stands there: nobody comes in
                self._connection.set_authorized_keys(str(self._authorized))
        return True


class _Listener:
    """Accepts connections for one place, with the host key that holds at that moment, or refuses them."""

    def __init__(self, world: World, name: str, alias: str, user: str, authorized: Path, handler: _Handler) -> None:
        self._world, self._name = world, name
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self._options = {
            changed: asyncssh.SSHServerConnectionOptions(
                server_factory=partial(_Server, user, authorized),
                process_factory=handler,
                server_host_keys=[key(world, f"host-{alias}{'-changed' if changed else ''}")],
                encoding=None,
                line_editor=False,
                keepalive_interval=15,
            )
            for changed in (False, True)
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._conversations: set[asyncssh.SSHServerConnection] = set()

    async def accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self.socket)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._world.faults.strikes("ssh-refuse", self._name):
                connection.close()
                continue
            task = asyncio.create_task(self._converse(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _converse(self, connection: socket.socket) -> None:
        changed = any(fault.kind == "host-key-changed" and fault.host in ("", self._name) for fault in self._world.faults.listed())
        with contextlib.suppress(OSError, asyncssh.Error):
            conversation = await asyncssh.run_server(connection, options=self._options[changed])
            self._conversations.add(conversation)
            try:
                await conversation.wait_closed()
            finally:
                self._conversations.discard(conversation)

    async def close(self) -> None:
        """Ends what is still being said, and waits until the sockets are closed."""
        self.socket.close()
        for conversation in self._conversations:
            conversation.abort()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_PATIENCE)
            for task in late:
                task.cancel()


def serve(world: World) -> Callable[[], None]:
    """Listens for every host and for bitbucket.org, and writes `data/ssh/{ssh_config,known_hosts,id_ed25519}`. The answer ends it."""
    key(world, "id_ed25519")
    address, stop_player = player_socket.serve(world)
    stopping = threading.Event()
    listeners, all_sessions, places = [], [], []
    for host in (*world.hosts.values(), *world.machines.values()):
        booted(host, world.clock.now())
        sessions = Sessions(world, host, stand_ins.write(world, host, address), stopping)
        listener = _Listener(world, host.name, host.instance_id, "ec2-user", authorize(world, home(host) / ".ssh"), sessions.handle)
        host.ssh_port = listener.port
        listeners.append(listener)
        all_sessions.append(sessions)
        places.append(place_of(host))
    deploy_keys = authorize(world, folder(world) / BITBUCKET)
    bitbucket = _Listener(world, BITBUCKET, BITBUCKET, "git", deploy_keys, partial(repositories.handle, world))
    places.append(Place((BITBUCKET,), "git", bitbucket.port))
    write_client_files(world, places)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop, [*listeners, bitbucket]), name="ssh", daemon=True)
    thread.start()

    def stop() -> None:
        stopping.set()
        for sessions in all_sessions:
            sessions.kill_children()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        stop_player()
        _end_leftovers(world.data)

    return stop


def _run(loop: asyncio.AbstractEventLoop, listeners: list[_Listener]) -> None:
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(_PLAYED_AT_ONCE, thread_name_prefix="played"))
    accepting = [loop.create_task(listener.accept()) for listener in listeners]
    loop.run_forever()
    loop.run_until_complete(_close(accepting, listeners))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _close(accepting: list[asyncio.Task[None]], listeners: list[_Listener]) -> None:
    for task in accepting:
        task.cancel()
    await asyncio.wait(accepting, timeout=_PATIENCE)
    await asyncio.gather(*(listener.close() for listener in listeners))
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=_PATIENCE)
    await asyncio.sleep(0)  # transports close in the next turn of the loop


def _end_leftovers(data: Path) -> None:
    """What was started detached on a host (by the console's runner) ends with the sandbox: its environment names a folder of ours."""
    markers = (f"OPSCONSOLE_ROOT={data}/hosts/".encode(), f"PATH={data}/stand-ins/".encode())
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (process / "environ").read_bytes()
            if int(process.name) != os.getpid() and any(marker in environment for marker in markers):
                os.kill(int(process.name), signal.SIGKILL)
