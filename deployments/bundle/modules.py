"""Magento's list of modules in `app/etc/config.php`, and what changes in it between two commits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from remote.errors import NotFound
from remote.git import Mirror

CONFIG_FILE = "app/etc/config.php"
COMMENT = re.compile(r"/\*.*?\*/|(?://|#)[^\n]*", re.DOTALL)
LIST = re.compile(r"""['"]modules['"]\s*=>\s*(?:\[|array\s*\()([^\])]*)[\])]""")
MODULE = re.compile(r"""['"]([A-Za-z0-9]+_[A-Za-z0-9_]+)['"]\s*=>\s*([01])""")


@dataclass(frozen=True)
class ModuleChanges:
    """Names of modules, each list sorted."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.enabled, self.disabled))


def parse_modules(text: bytes) -> dict[str, bool]:
    """Each module with whether it is on, in the file's order (Magento's load order). Empty where the file has no such list."""
    found = LIST.search(COMMENT.sub("", text.decode("utf-8", "replace")))
    return {name: on == "1" for name, on in MODULE.findall(found.group(1))} if found else {}


def compare_modules(old: Mapping[str, bool], new: Mapping[str, bool]) -> ModuleChanges:
    """What came, what went, what was switched."""
    both = sorted(old.keys() & new.keys())
    return ModuleChanges(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        enabled=tuple(name for name in both if new[name] and not old[name]),
        disabled=tuple(name for name in both if old[name] and not new[name]),
    )


def modules_between(magento: Mirror, old: str, new: str) -> ModuleChanges:
    """The difference of the module lists at two commits of the mirror."""
    return compare_modules(_modules_at(magento, old), _modules_at(magento, new))


def _modules_at(magento: Mirror, commit: str) -> dict[str, bool]:
    try:
        return parse_modules(magento.file(commit, CONFIG_FILE))
    except NotFound:
        if magento.has(commit):
            return {}  # A tree without the file has no list: Magento makes it at `setup:install`.
        raise
