"""Are the collected static files still those of the sources? Told by a digest over names, sizes and times."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from door.places import ROOT


@contextmanager
def static_files_are_new(data: Path) -> Iterator[bool]:
    """True where they have to be collected; remembered when the block was left well."""
    stamp, now = data / "staticfiles.digest", _digest()
    are_new = not (stamp.is_file() and stamp.read_text() == now and (data / "staticfiles").is_dir())
    yield are_new
    stamp.write_text(now)


def _digest() -> str:
    found = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for path in sorted((ROOT / "static").rglob("*")):
        if path.is_file():
            about = path.stat()
            found.update(f"{path.relative_to(ROOT)} {about.st_size} {about.st_mtime_ns}\n".encode())
    return found.hexdigest()
