"""`python -m door.managed COMMAND [ARG …] [-- COMMAND …]`: commands of manage.py in one process, for Django takes seconds to start.

Ends with 1 at the first that fails.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

from django.core.management import execute_from_command_line

_NEXT = "--"


def managed(words: Sequence[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")
    for command in commands(words):
        execute_from_command_line(["manage.py", *command])


def joined(*commands: Sequence[str]) -> list[str]:
    """What `commands` takes apart."""
    return [word for command in commands for word in (_NEXT, *command)][1:]


def commands(words: Sequence[str]) -> Iterator[list[str]]:
    for is_next, command in groupby(words, _NEXT.__eq__):
        if not is_next:
            yield list(command)


if __name__ == "__main__":
    managed(sys.argv[1:])
