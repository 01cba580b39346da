"""Reading a bundle's `.ebextensions/*.config` and `.platform/hooks`: what Beanstalk's on-host agent has to do.

It reads; `sandbox.hosts.agent` acts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_UMOUNT = re.compile(r"\bumount\s+(?:-\S+\s+)*(/[\w./-]+)")
_MOUNT = re.compile(r"\bmount\s+-t\s+nfs\S*\s+(?:-o\s+\S+\s+)?[\w.-]+:/(\S+)\s+(/[\w./-]+)")


class BadExtension(Exception):
    """A `.config` file is no YAML; the text is what Beanstalk says."""


@dataclass(frozen=True, slots=True)
class ContainerCommand:
    name: str
    file: str  # "40-magento.config"
    command: str
    leader_only: bool
    ignore_errors: bool


@dataclass(frozen=True, slots=True)
class HostFile:
    path: str  # absolute, on the host
    content: str
    source: str  # where it is fetched from instead; empty for content of its own


@dataclass(frozen=True, slots=True)
class Extensions:
    commands: tuple[ContainerCommand, ...]  # in the order of their names
    files: tuple[HostFile, ...]
    services: tuple[str, ...] = ()  # those that shall run


@dataclass(frozen=True, slots=True)
class MountHook:
    """What a hook script does to the shares."""

    name: str
    umounts: tuple[str, ...]
    mounts: tuple[tuple[str, str], ...]  # export, mount point


def read(release: Path) -> Extensions:
    """Raises BadExtension."""
    commands: list[ContainerCommand] = []
    files: list[HostFile] = []
    services: list[str] = []
    for config in sorted((release / ".ebextensions").glob("*.config")):
        content = _yaml(config)
        for name, spec in (content.get("container_commands") or {}).items():
            commands.append(_command(str(name), config.name, spec))
        for path, spec in (content.get("files") or {}).items():
            files.append(HostFile(str(path), str(spec.get("content", "")), str(spec.get("source", ""))))
        services += [str(name) for name in (content.get("services") or {}).get("sysvinit", {})]
    return Extensions(tuple(sorted(commands, key=lambda command: command.name)), tuple(files), tuple(services))


def mount_hook(name: str, script: str) -> MountHook:
    return MountHook(name, tuple(_UMOUNT.findall(script)), tuple((export, point) for export, point in _MOUNT.findall(script)))


def _command(name: str, file: str, spec: Mapping[str, Any]) -> ContainerCommand:
    command = spec.get("command", "")
    line = " ".join(command) if isinstance(command, list) else str(command)
    return ContainerCommand(name, file, line, bool(spec.get("leader_only")), bool(spec.get("ignoreErrors")))


def _yaml(config: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(config.read_text()) or {}
    except yaml.YAMLError as error:
        raise BadExtension(f"The configuration file .ebextensions/{config.name} contains invalid YAML or JSON. {error}") from error
    if not isinstance(content, dict):
        raise BadExtension(f"The configuration file .ebextensions/{config.name} contains invalid YAML or JSON.")
    return content
