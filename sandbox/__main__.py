"""`python -m sandbox --data DIR`: starts the estate in a box and says in DIR/ready.json where everything listens."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox import hosts, repositories
from sandbox.hosts import agent, servers, site
from sandbox.world import World, make_world

MARK = ".sandbox"  # the file that says: this folder is ours, it may be emptied
PR_SET_PDEATHSIG = 1


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.die_with_parent:
        die_with_parent()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    world = make_world(empty_folder(arguments.data), speed=arguments.speed, seed=arguments.seed, limited=arguments.throttle == "on")
    stops: list[Callable[[], None]] = []
    try:
        ready = start(world, arguments.port, stops)
        text = json.dumps(ready, indent=2) + "\n"
        for file in filter(None, (world.data / "ready.json", arguments.port_file)):
            _write_at_once(file, text)
        print(f"Sandbox: {ready['control']}", flush=True)
        while not stopped.wait(0.25):
            pass  # a signal that another thread received is seen only when this one moves
    finally:
        for stop in reversed(stops):
            stop()
    return 0


def start(world: World, port: int, stops: list[Callable[[], None]]) -> dict[str, str]:
    """Starts one thing after the other and notes how to stop each; returns where they listen. `port` 0 lets the system choose."""
    with ThreadPoolExecutor(1) as pool:
        prepared = pool.submit(_prepare, world)
        # Two seconds of imports, while git makes the repositories.
        from sandbox import control, network, rundeck  # noqa: PLC0415
        from sandbox.aws import balancer, service  # noqa: PLC0415

        made = prepared.result()
    side = service.HostsSide(site.answer, agent.deploy, agent.tail, hosts.reboot, hosts.fingerprints)
    aws = service.serve(world, side, bundles=made.bundles(), labels=made.labels(), deployment_id=hosts.FIRST_DEPLOYMENT, port=port)
    stops.append(aws.stop)
    stops.append(hosts.serve(world))
    stops.append(servers.start(world))
    port_of_rundeck, stop_rundeck = rundeck.serve(world)
    stops.append(stop_rundeck)
    proxy, ca_file, stop_network = network.serve(world, balancer.route, inside={rundeck.HOST: port_of_rundeck})
    stops.append(stop_network)
    mail, stop_mail = network.serve_mail(world)
    stops.append(stop_mail)
    address, stop_control = control.serve(world)
    stops.append(stop_control)
    return {
        "aws_endpoint": aws.endpoint,
        "control": address,
        "proxy": proxy,
        "mail": mail,
        "ca_file": str(ca_file),
        "ssh_config": str(world.data / "ssh/ssh_config"),
        "known_hosts": str(world.data / "ssh/known_hosts"),
        "ssh_key": str(world.data / "ssh/id_ed25519"),
        "rundeck_token": rundeck.TOKEN,
    }


def _prepare(world: World) -> repositories.Repositories:
    made = repositories.prepare(world)
    hosts.install(world, made)
    return made


def empty_folder(folder: Path) -> Path:
    """An empty folder of ours, made new or emptied. Exits with a sentence where the folder holds something else."""
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            sys.exit(f"sandbox: {folder} holds something that is not the sandbox's. Name an empty folder or a new one.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    return folder


def die_with_parent() -> None:
    """Linux ends this process when the one that started it ends, however that comes about."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("sandbox: the process that started this one has gone.")


def _write_at_once(file: Path, text: str) -> None:
    """Whoever waits for the file never sees half of it."""
    draft = file.with_name(file.name + ".new")
    draft.write_text(text)
    draft.replace(file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="emptied at the start; everything is written below it")
    parser.add_argument("--speed", type=float, default=25, help="simulated seconds in a real second (25)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same order, texts and outcomes (1)")
    parser.add_argument("--throttle", choices=("on", "off"), default="on", help="AWS's limits of calls a second, in real time (on)")
    parser.add_argument("--port", type=int, default=0, help="of AWS's endpoint; the others are chosen freely")
    parser.add_argument("--port-file", type=Path, metavar="FILE", help="where to write the addresses besides DIR/ready.json")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the process that started this one ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
