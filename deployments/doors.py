"""The doors to the hosts; they are made on the engine's floor."""

from __future__ import annotations

from runs.doors import door, runner

__all__ = ["door", "runner"]
