"""What a plan shows of its bundle, as JSON values: the diffs of the edited files, the scan, what differs from a failed run. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from deployments.bundle import Bundle, Manifest
from deployments.models import Release
from remote.git.mirror import Mirror

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_UNMOUNTS = re.compile(r"(?m)^[^#\n]*?\bumount\s+(?:-\w+\s+)*(/[\w./-]+)")


def edits(manifest: Manifest) -> list[dict[str, Any]]:
    """[{"path", "diff": [{"kind", "old", "new", "text"}]}], only of files that change."""
    return [{"path": edited.path, "diff": list(_lines(edited.diff))} for edited in manifest.edited if edited.diff]


def bundle(built: Bundle, release: Release, configuration: Mirror, shares: Collection[str]) -> dict[str, Any]:
    evidence = [
        {
            "what": entry.sentence,
            "ok": entry.holds,
            "said": f"found in {', '.join(entry.found[:5])}" if entry.found else f"looked at {entry.looked_at}",
        }
        for entry in built.manifest.evidence
    ]
    return {
        "bucket": release.bucket,
        "key": release.key,
        "sha256": built.sha256,
        "files": built.files,
        "bytes": built.size,
        "evidence": evidence,
        "replaced": list(built.manifest.replaced),
        "missing": list(built.manifest.missing),
        "unmounts": _unmount_hook(configuration, release.configuration_commit, shares),
    }


def _unmount_hook(configuration: Mirror, commit: str, shares: Collection[str]) -> str:
    """The file of the configuration that unmounts all shares before the flip; "" where none does, or where there are none."""
    hooks = (entry for entry in configuration.tree(commit) if entry.path.startswith((".ebextensions/", ".platform/hooks/predeploy/")))
    small = (entry.path for entry in hooks if entry.type == "blob" and (entry.size or 0) < 100_000)
    return unmounting(((path, configuration.file(commit, path).decode("utf-8", "replace")) for path in small), shares)


def unmounting(files: Iterable[tuple[str, str]], shares: Collection[str]) -> str:
    """Which of these files (path, text) unmounts all shares."""
    return next((path for path, text in files if shares and set(shares) <= set(_UNMOUNTS.findall(text))), "")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What a new plan has that the one before had not, in lines for a person."""
    old, new = before["facts"], after["facts"]
    found = []
    for key, what in (("magento", "Code"), ("configuration", "Configuration")):
        if old[key]["to"] != new[key]["to"] or old[key]["branch"] != new[key]["branch"]:
            found.append(f"{what}: {old[key]['branch']} {old[key]['to'][:7]} → {new[key]['branch']} {new[key]['to'][:7]}")
    if old["label"] != new["label"]:
        found.append(f"Version label: {old['label']} → {new['label']}")
    if old["bundle"]["sha256"] != new["bundle"]["sha256"]:
        found.append(f"Bundle: sha256 {old['bundle']['sha256'][:12]} → {new['bundle']['sha256'][:12]}")
    if [host["instance_id"] for host in old["hosts"]] != [host["instance_id"] for host in new["hosts"]]:
        found.append("Hosts: " + ", ".join(host["name"] + " " + host["instance_id"] for host in new["hosts"]))
    commands_before, commands_after = _commands(before), _commands(after)
    found += [f"− {line}" for line in commands_before if line not in commands_after]
    found += [f"+ {line}" for line in commands_after if line not in commands_before]
    return found or ["Nothing: the same commits, the same bundle, the same commands. What made it fail has to be mended outside."]


def _commands(document: Mapping[str, Any]) -> list[str]:
    return [f"{act['target']}: {shlex.join(act['argv'])}" for step in document["steps"] for act in step["acts"] if act["argv"]]


def _lines(diff: str) -> Iterator[dict[str, Any]]:
    old = new = 0
    for line in diff.splitlines():
        hunk = _HUNK.match(line)
        if hunk:
            old, new = int(hunk[1]), int(hunk[2])
            yield {"kind": "@", "old": None, "new": None, "text": line}
        elif line.startswith("+") and not line.startswith("+++"):
            yield {"kind": "+", "old": None, "new": new, "text": line[1:]}
            new += 1
        elif line.startswith("-") and not line.startswith("---"):
            yield {"kind": "-", "old": old, "new": None, "text": line[1:]}
            old += 1
        elif line.startswith(" "):
            yield {"kind": " ", "old": old, "new": new, "text": line[1:]}
            old, new = old + 1, new + 1
