"""Runs that no release has: one command on one host, or nothing at all, under a lock group of their own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from faults.processes import NotThere
from faults.rig import Rig


def command(rig: Rig, host: str, ip: str, argv: Sequence[str]) -> dict[str, Any]:
    """A plan that runs this there."""
    act = {
        "kind": "host.command",
        "key": "command",
        "target": host,
        "argv": list(argv),
        "words": "",
        "params": {"ip": ip, "instance_id": host},
    }
    return _saved(rig, f"faults-{uuid.uuid4().hex[:12]}", [act])


def nothing(rig: Rig, group: str) -> dict[str, Any]:
    return _saved(rig, group, [])


def _saved(rig: Rig, group: str, acts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    step = {"key": "only", "title": "The only step", "acts": list(acts), "note": "", "where": "", "seconds": 1, "parallel": False}
    document = {
        "kind": "adopted", "title": "A run of the fault suite", "service": "magento", "environment": "pre-production",
        "lock_group": group, "steps": [step], "facts": {"hosts": []},
    }  # fmt: skip
    return rig.ask("plan", document=json.loads(json.dumps(document)))


def started(rig: Rig, plan: dict[str, Any]) -> int:
    answer = rig.start_run(plan)
    if answer.status_code != 201:
        raise NotThere(f"a small run was refused: {answer.text[:300]}")
    number: int = answer.json()["id"]
    return number
