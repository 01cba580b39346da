"""What Beanstalk will do on each host: the container commands of the configuration at a commit, as they stand there, and before them what
it installs, writes and keeps running.

They are shown in the plan; the host's agent runs them. A file that is no YAML would make every host's deployment fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import yaml

from remote.git.mirror import Mirror

_LARGEST = 100_000  # bytes of a .config file
_SHOWN = 400  # characters of a command
_MOST = 200  # things of a file that are named; aliases can make millions of a few lines


def recipe(configuration: Mirror, commit: str, directory: str) -> dict[str, Any]:
    """{"commands": [{name, command, file, leader_only, may_fail}, …] in the order in which they run, "before": [{what, file}, …],
    "wrong": [sentence, …]}."""
    start = f"{directory}/.ebextensions/" if directory else ".ebextensions/"
    commands: list[dict[str, Any]] = []
    before: list[dict[str, str]] = []
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
        before += ({"what": what[:_SHOWN], "file": file} for what in islice(_before(content), _MOST))
    return {"commands": sorted(commands, key=lambda each: str(each["name"])), "before": before, "wrong": wrong}


def _before(content: Mapping[Any, Any]) -> Iterator[str]:
    """Packages, files and services, which Beanstalk sees to before any container command."""
    for _, packages in _section(content, "packages"):
        yield from (f"installs {name}" for name in packages) if isinstance(packages, dict) else ()
    yield from (f"writes {path}" for path, _ in _section(content, "files"))
    for _, services in _section(content, "services"):
        for name, wanted in services.items() if isinstance(services, dict) else ():
            if isinstance(wanted, dict) and wanted.get("ensureRunning") in (True, "true"):
                yield f"keeps {name} running"


def _section(content: Mapping[Any, Any], name: str) -> Iterable[tuple[Any, Any]]:
    found = content.get(name)
    return found.items() if isinstance(found, dict) else ()


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
