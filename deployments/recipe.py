"""What Beanstalk will run on each host: the container commands of the configuration at a commit, as they stand there.

They are shown in the plan; the host's agent runs them. A file that is no YAML would make every host's deployment fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from remote.git.mirror import Mirror

_LARGEST = 100_000  # bytes of a .config file
_SHOWN = 400  # characters of a command


def recipe(configuration: Mirror, commit: str, directory: str) -> dict[str, Any]:
    """{"commands": [{name, command, file, leader_only, may_fail}, …] in the order in which they run, "wrong": [sentence, …]}."""
    start = f"{directory}/.ebextensions/" if directory else ".ebextensions/"
    commands: list[dict[str, Any]] = []
    wrong: list[str] = []
    for entry in configuration.tree(commit, sizes=True):
        if entry.type != "blob" or not entry.path.startswith(start) or not entry.path.endswith(".config"):
            continue
        file = entry.path.removeprefix(start)
        if (entry.size or 0) > _LARGEST:
            wrong.append(f"{file} is larger than {_LARGEST:,} bytes: it was not read")
            continue
        try:
            content = yaml.safe_load(configuration.file(commit, entry.path).decode("utf-8", "replace")) or {}
        except (yaml.YAMLError, RecursionError):
            wrong.append(f"{file} is not YAML: every host's deployment would fail")
            continue
        found = content.get("container_commands") or {} if isinstance(content, dict) else None
        if not isinstance(found, dict):
            wrong.append(f"{file} does not hold what Beanstalk expects: every host's deployment would fail")
            continue
        commands += _commands(file, found)
    return {"commands": sorted(commands, key=lambda each: str(each["name"])), "wrong": wrong}


def _commands(file: str, found: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    for name, spec in found.items():
        told = spec if isinstance(spec, dict) else {}
        command = told.get("command", "")
        line = " ".join(str(word) for word in command) if isinstance(command, list) else str(command)
        yield {
            "name": str(name)[:100],
            "command": line[:_SHOWN],
            "file": file,
            "leader_only": told.get("leader_only") is True,
            "may_fail": told.get("ignoreErrors") in (True, "true"),
        }
