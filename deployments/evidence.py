"""What a failing host can tell, copied into the console at once: tomorrow the host may be gone.

The hand-over document's hunt (instance id → EC2 console → private address → ssh → tail) is done here, in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from deployments import commands
from deployments.doors import runner
from deployments.models import Evidence
from estate.models import Host
from remote.errors import RemoteError
from runs.effects import Out
from runs.redact import redact

LINES = 2000
DEADLINE = 8.0
REMOVED = "It was removed after its time (KEEP_EVIDENCE_DAYS)."


def take(run: int, host: Host, out: Callable[[str], Out]) -> None:
    """Copies the end of the platform's log file. Both names are tried: which one is there says which platform it is."""
    if Evidence.objects.filter(run_id=run, instance_id=host.instance_id).exclude(text="").exists():
        return
    problems = []
    for path in commands.LOG_FILES.values():
        try:
            text, first = _end_of(str(host.private_ip), path)
        except RemoteError as error:
            problems.append(f"{path}: {error}")
            continue
        if text:
            _keep(run, host, path, text=redact(text), first=first)
            out(host.name).line(f"copied {len(text.splitlines())} lines of {path}")
            return
        problems.append(f"{path} is not there")
    _keep(run, host, next(iter(commands.LOG_FILES.values())), problem="; ".join(problems))
    out(host.name).line(f"its log could not be copied: {'; '.join(problems)}")


def remove(before: datetime, most: int) -> int:
    """The texts alone: that a file was copied, from where and when, stays."""
    keys = list(Evidence.objects.filter(taken__lt=before).exclude(text="").order_by("taken", "pk").values_list("pk", flat=True)[:most])
    return Evidence.objects.filter(pk__in=keys).update(text="", problem=REMOVED)


def _end_of(ip: str, path: str) -> tuple[str, int]:
    """The last lines, and the number of the first of them. ("", 1) where there is no such file."""
    counted = runner().probe(ip, commands.line_count(path).argv, deadline=DEADLINE)
    if counted.rc != 0:
        return "", 1
    lines = int(counted.out.strip() or 0)
    tail = runner().probe(ip, commands.tail_of(path, lines=LINES).argv, deadline=DEADLINE)
    return tail.out.decode("utf-8", "replace"), max(1, lines - LINES + 1)


def _keep(run: int, host: Host, path: str, *, text: str = "", first: int = 1, problem: str = "") -> None:
    facts = {"host": host.name, "private_ip": host.private_ip, "text": text, "first_line": first, "problem": problem}
    Evidence.objects.update_or_create(run_id=run, instance_id=host.instance_id, path=path, defaults=facts)
