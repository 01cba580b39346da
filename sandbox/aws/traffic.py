"""What the web servers' logs hold: which answers each host gave to visitors lately. Health and metrics are read from here.

Lives here: counting. Health checks of the load balancer are not counted: they would hide what visitors see.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from sandbox.world import Clock

WINDOW = 60.0  # simulated seconds that health looks back
SHORTEST_WINDOW = 4.0  # real seconds: visitors come in real time, however fast the rest runs
FORGOTTEN = 300.0  # simulated seconds: one failing answer must not outlast Beanstalk's patience with a host, which is 840


@dataclass(slots=True)
class Share:
    """The answers of one window."""

    seconds: float
    classes: Counter[int] = field(default_factory=Counter)  # 2: 2xx … 5: 5xx
    latencies: list[float] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.classes.total()

    @property
    def per_minute(self) -> float:
        return self.requests * 60 / self.seconds

    def percent(self, class_: int) -> float:
        return 100 * self.classes[class_] / self.requests if self.requests else 0.0

    def percentile(self, fraction: float) -> float:
        ordered = sorted(self.latencies)
        return round(ordered[min(len(ordered) - 1, int(fraction * len(ordered)))], 3) if ordered else 0.0


class Traffic:
    """Answers by source: a host's name, or `elb:NAME` for what a load balancer answered by itself. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: dict[str, deque[tuple[float, int, float]]] = {}
        self._totals: dict[str, Counter[int]] = {}
        self._lock = threading.Lock()

    @property
    def window(self) -> float:
        """Real seconds."""
        return max(WINDOW / self._clock.speed, min(SHORTEST_WINDOW, FORGOTTEN / self._clock.speed))

    def saw(self, source: str, status: int, seconds: float) -> None:
        with self._lock:
            self._recent.setdefault(source, deque(maxlen=10_000)).append((time.monotonic(), status // 100, seconds))
            self._totals.setdefault(source, Counter())[status // 100] += 1

    def recent(self, *sources: str) -> Share:
        """What these sources answered within the window, together."""
        share = Share(self.window)
        oldest = time.monotonic() - share.seconds
        with self._lock:
            for source in sources:
                entries = self._recent.get(source, deque())
                while entries and entries[0][0] < oldest:
                    entries.popleft()
                share.classes.update(class_ for _, class_, _ in entries)
                share.latencies.extend(seconds for _, _, seconds in entries)
        return share

    def forget(self, source: str) -> None:
        """A host that leaves the load balancer starts again with an empty page."""
        with self._lock:
            self._recent.pop(source, None)

    def totals(self, source: str) -> Counter[int]:
        """Answers since the start, by class."""
        with self._lock:
            return Counter(self._totals.get(source, Counter()))
