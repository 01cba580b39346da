"""Does the configuration still build or migrate on each host? Then a release that was built once would be built again there.

Pure: container commands in (as `deployments.recipe` reads them), findings and the patch that would end it out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BUILDS = {
    "setup:upgrade": "migrates",
    "app:config:import": "migrates",
    "setup:di:compile": "compiles",
    "setup:static-content:deploy": "generates statics",
    "composer install": "installs packages",
    "module:enable": "changes config.php",
}


def building(commands: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that would do on every host what is done once."""
    return [each for each in commands if _what(str(each["command"]))]


def migrates(commands: Sequence[Mapping[str, Any]]) -> bool:
    return any("setup:upgrade" in str(each["command"]) for each in commands)


def in_words(found: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{each['name']} ({each['file']}) {_what(str(each['command']))}" for each in found)


def _what(line: str) -> str:
    return next((does for words, does in _BUILDS.items() if words in line), "")


def patch(path: str, text: str) -> str:
    """The unified diff that takes those commands out of one .config file; "" where it has none."""
    lines = text.splitlines(keepends=True)
    kept = list(_without(lines))
    return "".join(difflib.unified_diff(lines, kept, f"a/{path}", f"b/{path}")) if kept != lines else ""


def _without(lines: Sequence[str]) -> Iterator[str]:
    """A command is a key that is indented once, with what is indented deeper below it."""
    block: list[str] = []
    inside = False
    for line in [*lines, ""]:
        if re.match(r"\S", line) or not line:
            yield from _unless_building(block)
            block = []
            inside = line.startswith("container_commands:")
            if line:
                yield line
        elif inside and re.match(r"  \S", line):
            yield from _unless_building(block)
            block = [line]
        elif inside:
            block.append(line)
        else:
            yield line


def _unless_building(block: Sequence[str]) -> Sequence[str]:
    return () if block and _what("".join(block)) else block
