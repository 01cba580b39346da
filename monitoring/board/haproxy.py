"""What HAProxy says of its back ends: the CSV of `show stat` on its stats socket, as findings.

Columns: HAProxy's management guide, section 9.1. A server without a check is not green: nothing proves that it answers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable

from monitoring.board.checking import BAD, INFO, OK, UNKNOWN, WARN, CannotCheck, Finding

_BACKEND, _SERVER = "1", "2"  # of the column `type`
_STATES = {"UP": OK, "OPEN": OK, "DOWN": BAD, "NOLB": WARN, "DRAIN": INFO, "MAINT": WARN, "no check": UNKNOWN}


def back_ends(csv_text: str) -> Iterable[Finding]:
    """One finding a server, and one for each back end that has none. Raises CannotCheck where it is no such CSV."""
    lines = csv_text.strip().splitlines()
    if not lines or not lines[0].startswith("# pxname,svname,"):
        raise CannotCheck("HAProxy's answer to “show stat” is no table of its.")
    rows = list(csv.DictReader([lines[0].removeprefix("# "), *lines[1:]]))
    if not {"status", "type"} <= set(rows[0] if rows else {}):
        raise CannotCheck("HAProxy's table has no status, or no rows.")
    servers = [row for row in rows if row["type"] == _SERVER]
    lonely = [row for row in rows if row["type"] == _BACKEND and not any(each["pxname"] == row["pxname"] for each in servers)]
    return [_finding(row) for row in [*servers, *lonely]]


def _finding(row: dict[str, str]) -> Finding:
    status = row["status"] or "nothing"
    word = status.partition(" ")[0]  # "UP 1/3" is on its way down, "DOWN 1/2" on its way up
    state = _STATES.get(status, _STATES.get(word, UNKNOWN))
    if status.startswith("UP ") and state == OK:
        state = WARN
    check = " ".join(filter(None, (row.get("check_status"), row.get("check_code"))))
    since = f"for {row['lastchg']} s" if row.get("lastchg") else ""
    said = ", ".join(filter(None, (f"{status} {since}".strip(), f"check {check}" if check else "", row.get("last_chk", "")))).strip(", ")
    if status == "no check":
        said = "HAProxy does not check it: nothing proves that it answers."
    name = row["svname"] if row["type"] == _SERVER else "no server"
    return Finding(f"{row['pxname']}/{row['svname']}", f"{row['pxname']} → {name}", state, said)
