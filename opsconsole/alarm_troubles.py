"""The alarms' share in what the front page says is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.urls import reverse

from deployments.troubles import Trouble
from monitoring.alarms import board
from monitoring.alarms.board import Row
from monitoring.alarms.models import Reading, Tunnel


def of_alarms(now: datetime, reading: Reading | None, tunnels: Sequence[Tunnel]) -> tuple[Trouble, ...]:
    """Nothing before CloudWatch was read for the first time: the page of the alarms says so."""
    if reading is None:
        return ()
    page = reverse("alarms:list")
    late = board.unread(reading, now)
    said = reading.problem or "The scheduler reads it once a minute. Is it running? See /readyz."
    if "answered" in late:
        return (Trouble("unknown", "The alarms are not known: CloudWatch was not read lately", said, reading.answered, page, "Alarms"),)
    told = tuple(trouble for row in board.rows(now, reading, tunnels) for trouble in _of(row))
    if not late:
        return told
    names = ", ".join(what for part, what in Reading.PARTS.items() if part in late)
    since = min((read for part in late if (read := getattr(reading, part))), default=None)
    return (*told, Trouble("unknown", f"Of the alarms it is not known {names}", said, since, page, "Alarms"))


def _of(row: Row) -> Iterator[Trouble]:
    url = reverse("alarms:detail", args=(row.name,))
    since = row.live.since if row.live else None
    reason = row.live.reason if row.live else ""
    if row.word == "ALARM":
        yield Trouble("bad", f"Alarm: {row.name}", reason, since, url, "Open alarm")
    elif row.word == "acknowledged" and row.live is not None:
        yield Trouble("info", f"Alarm: {row.name}, acknowledged by {row.live.acknowledged_by}", row.live.note, since, url, "Open alarm")
    elif row.word == "expected" and row.live is not None:
        yield Trouble("info", f"Alarm: {row.name}, as expected in run {row.live.run}", reason, since, url, "Open alarm")
    elif row.word == "soon":
        text = f"Bad for {row.bad_for} of {row.needed} min: ALARM in about {row.left} min, unless it recovers."
        yield Trouble("warn", f"{row.name}: not yet alarming", text, None, url, "Open alarm")
    elif row.word == "one down":
        down = row.tunnels_down[0]
        text = f"{down.address} is down; the other tunnel is up, so no alarm tells of it."
        yield Trouble("warn", f"{down.link}: one of two tunnels is down", text, down.since, url, "Open alarm")
    elif row.word == "down":
        text = "Nothing passes. The alarm itself does not say so yet."
        since = max(tunnel.since for tunnel in row.tunnels)
        yield Trouble("bad", f"{row.tunnels[0].link}: no tunnel is up", text, since, url, "Open alarm")
    elif row.word == "not there":
        yield Trouble("warn", f"{row.name} is declared, and not in CloudWatch", "Nobody would be told.", None, url, "Open alarm")
    elif row.light == "unknown":
        yield Trouble("unknown", f"{row.name} has no data", reason, since, url, "Open alarm")
