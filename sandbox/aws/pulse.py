"""The heartbeat of AWS's side: looks at health as often as Beanstalk does, and has metrics written."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sandbox.aws.health import Doctor
from sandbox.aws.state import Environment, Ledger

EVERY = 10.0  # simulated seconds between two looks
SHORTEST = 0.3  # real seconds
PERSISTENT = 3  # looks in a row before a change of health is told


class Pulse:
    def __init__(self, ledger: Ledger, doctor: Doctor, write_metrics: Callable[[], None]) -> None:
        self._ledger, self._doctor, self._write_metrics = ledger, doctor, write_metrics
        self._seen: dict[str, tuple[str, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        clock = self._ledger.world.clock
        while not self._stop.wait(max(EVERY / clock.speed, SHORTEST)):
            for environment in list(self._ledger.environments.values()):
                self._look(environment)
            self._write_metrics()

    def _look(self, environment: Environment) -> None:
        """A change is told when it persists, and not while a deployment tells its own."""
        with self._ledger.lock:
            verdict = self._doctor.of_environment(environment)
            status, times = self._seen.get(environment.name, ("", 0))
            self._seen[environment.name] = (verdict.status, times + 1 if status == verdict.status else 1)
            if not environment.quiet and self._seen[environment.name][1] >= PERSISTENT:
                self._doctor.announce(environment, verdict)
