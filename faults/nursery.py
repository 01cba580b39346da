"""The process from which all processes of the suite's console are forked: everything is imported here once.

`python -m faults.nursery` reads a line of JSON for each child (`{"role": "worker", …}`), answers `{"born": pid}`, and says
`{"ended": pid, "status": n}` when one ends. When its input ends, it ends with all of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

_PR_SET_PDEATHSIG = 1


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")
    import django

    django.setup()
    from django.db import connections

    from faults import roles, timing
    from runs.worker import _import_what_takes_long

    _import_what_takes_long()
    timing.hasten()
    roles.import_pages()
    connections.close_all()
    _say({"ready": os.getpid()})
    _serve(roles.play)


def _serve(play: Callable[[dict[str, Any]], None]) -> None:
    children: set[int] = set()
    rest = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.02)
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                children.discard(found[0])
                _say({"ended": found[0], "status": found[1]})
        if not readable:
            continue
        piece = os.read(0, 65536)
        if not piece:
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            return
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            child = _fork(play, json.loads(line))
            children.add(child)
            _say({"born": child})


def _fork(play: Callable[[dict[str, Any]], None], asked: dict[str, Any]) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        null, log = os.open(os.devnull, os.O_RDONLY), os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        play(asked)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  (the last word of a child goes into its log)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _say(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
