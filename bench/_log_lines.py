"""The lines that `bench.log` writes, at a pace: each begins with the moment of its writing (CLOCK_MONOTONIC, nanoseconds)."""

from __future__ import annotations

import time
from collections.abc import Iterator

TEXT = "Déploiement des fichiers statiques: frontend/Client/theme/fr_FR → 2718/2718 100 %"


def lines(count: int, rate: float) -> Iterator[bytes]:
    """`rate` lines a second; 0: without a pause."""
    began = time.monotonic()
    for number in range(count):
        if rate:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        yield f"{time.monotonic_ns()} {number} {TEXT}\n".encode()
