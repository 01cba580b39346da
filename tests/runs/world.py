"""A world that remembers what was done to it, and goes wrong on request."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running
from runs.plan import Act, Plan, Step


class Killed(BaseException):
    """The process is gone: nothing after this line happens, nothing is cleaned up."""


@dataclass
class World:
    """`applied` counts what really happened, by the effect's key. The rest says what goes wrong, once for each entry taken."""

    applied: Counter[str] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)
    refuse: dict[str, Exception] = field(default_factory=dict)  # do: raises, and nothing happens
    lose: dict[str, Exception] = field(default_factory=dict)  # do: it happens, and raises
    trouble: dict[str, list[Exception]] = field(default_factory=dict)  # do: raises, one after the other, and nothing happens
    ends_badly: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)  # probes cannot tell
    probes: dict[str, list[Finding | Exception]] = field(default_factory=dict)  # what probes answer before they look
    stays_running: set[str] = field(default_factory=set)
    cancelled: list[str] = field(default_factory=list)
    on_do: Callable[[Act, Context], None] = lambda act, context: None
    before: Callable[[str], None] = lambda point: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def probe(self, act: Act, context: Context) -> Finding:
        self.before(f"probe {act.key}")
        answers = self.probes.get(act.key)
        if answers:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if act.key in self.silent:
            return CannotTell(f"nothing shows whether {act.key} happened.")
        if not self.applied[context.key]:
            return NotDone()
        if act.key in self.stays_running:
            return Running("still at it", ask_again=0.02)
        if act.key in self.ends_badly:
            return Failed(f"{act.target}: {act.key} ended with code 1.", {"rc": 1})
        return Done(f"{act.key} is there", {"rc": 0})

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        self.before(f"do {act.key}")
        self.on_do(act, context)
        if error := self.refuse.get(act.key):
            raise error
        if errors := self.trouble.get(act.key):
            raise errors.pop(0)
        with self.lock:
            self.applied[context.key] += 1
            self.order.append(act.key)
        self.before(f"done {act.key}")
        if error := self.lose.pop(act.key, None):
            raise error
        return {"answered": True}

    def cancel(self, act: Act, context: Context) -> str:
        self.cancelled.append(act.key)
        self.stays_running.discard(act.key)
        self.ends_badly.add(act.key)
        return f"{act.target}: {act.key} was killed; its files stay."


def act(key: str, target: str = "fe-1", kind: str = "scripted") -> Act:
    return Act(kind, key, target, argv=("touch", key))


def planned(*steps: Step, group: str = "magento-production", environment: str = "production") -> Plan:
    return Plan("release", "Release Magento production, r418", "magento", environment, group, steps or usual_steps())


def usual_steps() -> tuple[Step, ...]:
    hosts = tuple(act(f"flush-{host}", host) for host in ("fe-1", "fe-2", "fe-3"))
    return (
        Step("upload", "Upload the bundle", (act("put", "console"), act("version", "console"))),
        Step("update", "Update the front end", (act("update"),)),
        Step("flush", "Flush the caches", hosts, parallel=True),
    )
