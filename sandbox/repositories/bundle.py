"""The bundle that the Rundeck job of the hand-over document makes: both trees merged, two kinds of file edited, no .git, as a zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

_TIME = (2026, 1, 1, 0, 0, 0)

# "Adjust RAM limitations" and "change some redirection paths", in the document's words.
EDITS: Mapping[str, tuple[tuple[bytes, bytes], ...]] = {
    ".user.ini": ((b"memory_limit = 756M", b"memory_limit = 2048M"),),
    ".htaccess": (
        (b"php_value memory_limit 756M", b"php_value memory_limit 2048M"),
        (b"https://preprod.client.url/", b"https://www.client.url/"),
    ),
}


def edited(path: str, content: bytes) -> bytes:
    if path.startswith(("pub/static/", "pub/media/")):
        return content
    for before, after in EDITS.get(PurePosixPath(path).name, ()):
        content = content.replace(before, after)
    return content


def zipped(files: Iterable[tuple[str, int, bytes]]) -> bytes:
    """The same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, mode, content in sorted(files):
            entry = zipfile.ZipInfo(path, _TIME)
            entry.external_attr = ((0o755 if mode & 0o100 else 0o644) | 0o100000) << 16
            archive.writestr(entry, edited(path, content), zipfile.ZIP_DEFLATED, 6)
    return out.getvalue()
