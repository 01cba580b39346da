"""What may not be in a bundle: names and links that refuse the build, and the scan whose findings a release gate shows.

A refusal is about harm to the machine that unpacks. A finding is about what should not leave this house, and names the file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from remote.errors import Refused


class BundleRefused(Refused):
    """The bundle must not be built from these commits."""


@dataclass(frozen=True)
class Limits:
    """How large a bundle may be. Beanstalk takes archives up to 500 MB, far below the 4 GiB where a zip's offsets end."""

    files: int = 400_000
    bytes: int = 4 * 1024**3
    archive_bytes: int = 500 * 1024**2
    file_bytes: int = 100 * 1024**2
    config_bytes: int = 64 * 1024**2
    depth: int = 40
    path_bytes: int = 1000

    def check_counts(self, files: int, size: int) -> None:
        """Raises `BundleRefused` where the whole is too large."""
        if files > self.files:
            raise BundleRefused(
                f"The bundle would have {files:,} files, more than {self.files:,}", "Take generated files out of the repository."
            )
        if size > self.bytes:
            raise BundleRefused(
                f"The bundle would unpack to {size:,} bytes, more than {self.bytes:,}", "Take large files out of the repository."
            )

    def check_archive(self, size: int) -> None:
        """Raises `BundleRefused` where Beanstalk would not take the archive."""
        if size > self.archive_bytes:
            raise BundleRefused(
                f"The archive has {size:,} bytes, more than the {self.archive_bytes:,} that Elastic Beanstalk takes",
                "Take large files out of the repository.",
            )


# Names are searched joined, each behind a "\n/", in lower case: a pattern that begins with a plain "/" takes milliseconds for 75,000.
END = rb"(?=[/\n]|\Z)"
HARMFUL = (
    (re.compile(rb"/(?:\.git[. ]*|git~1)" + END), "has a .git component", "Remove it from the repository."),
    (re.compile(rb"/\.\.?" + END), "climbs with . or ..", "Remove it from the repository."),
    (re.compile(rb"/" + END), "is not a relative path", "Remove it from the repository."),
)
CONTROL = bytes(code for code in range(32) if code != ord("\n")) + b"\x7f\\"


def check_names(paths: Sequence[bytes], limits: Limits) -> None:
    """Raises `BundleRefused` for the first name that may not be unpacked."""
    names = _joined(paths)
    if names.count(b"\n") != len(paths):
        raise BundleRefused("A file has a line break in its name", "Rename it in the repository.")
    for pattern, what, next_step in HARMFUL:
        if found := pattern.search(names):
            raise BundleRefused(f"{_path_at(names, found.start())!r} {what}", next_step)
    if len(names.translate(None, CONTROL)) != len(names):
        harmful = next(path for path in paths if path.translate(None, CONTROL) != path)
        raise BundleRefused(f"{harmful!r} has a control character or a backslash in its name", "Rename it in the repository.")
    try:
        names.decode()
    except UnicodeDecodeError as wrong:
        raise BundleRefused(f"{_path_at(names, wrong.start)!r} is not UTF-8", "Rename it in the repository.") from None
    longest = max(paths, key=len, default=b"")
    if len(longest) > limits.path_bytes:
        raise BundleRefused(f"{longest.decode()!r} is longer than {limits.path_bytes} bytes", "Rename it in the repository.")
    deepest = max(paths, key=lambda path: path.count(b"/"), default=b"")
    if deepest.count(b"/") >= limits.depth:
        raise BundleRefused(f"{deepest.decode()!r} lies {limits.depth} folders deep or deeper", "Move it in the repository.")


def _joined(paths: Iterable[bytes]) -> bytes:
    return b"".join([b"\n/" + path for path in paths]).lower()


def _path_at(names: bytes, at: int) -> str:
    end = names.find(b"\n", at + 1)
    return names[names.rfind(b"\n", 0, at) + 2 : end if end >= 0 else None].decode("utf-8", "backslashreplace")


def check_link(path: str, target: bytes) -> None:
    """A link must stay in the tree. `..` is taken only at its beginning: after a name that is itself a link it could lead anywhere."""
    text = target.decode("utf-8", "surrogateescape")
    parts = text.split("/")
    leading = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    why = ""
    if not text or "\0" in text or text.startswith("/"):
        why = "is absolute or empty"
    elif ".." in parts[leading:] or leading > path.count("/"):
        why = "may leave the tree"
    elif any(part.lower() == ".git" for part in posixpath.normpath(posixpath.join(posixpath.dirname(path), text)).split("/")):
        why = "leads into .git"
    if why:
        raise BundleRefused(
            f"The symbolic link {path} -> {text!r} {why}", "Remove the link, or make it relative and inside the repository."
        )


# The scan

Finding = tuple[str, str]  # rule, path

BY_NAME: dict[str, re.Pattern[bytes]] = {
    "env.php": re.compile(rb"/env\.php(?=\n|\Z)"),
    "auth.json": re.compile(rb"/auth\.json(?=\n|\Z)"),
    ".env": re.compile(rb"/\.env(?:\.(?:local|prod|production|preprod|staging|dev))?(?=\n|\Z)"),
    "key file": re.compile(rb"\.(?:key|p12|pfx|jks|ppk)(?=\n|\Z)|/id_(?:rsa|dsa|ecdsa|ed25519)(?=\n|\Z)"),
}
PRIVATE_KEY = re.compile(rb"-----BEGIN[ A-Z0-9]*PRIVATE KEY[ A-Z]*-----.{0,200}?[A-Za-z0-9+/]{40}", re.DOTALL)
AWS_KEY = re.compile(rb"(?<![A-Za-z0-9])AKIA(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}(?![A-Za-z0-9])")
PUBLIC_PEM = re.compile(
    rb"-----BEGIN (?:TRUSTED )?(?:CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY|X509 CRL|DH PARAMETERS|CERTIFICATE REQUEST)-----"
)
LFS = b"version https://git-lfs.github.com/spec/"

RULES: dict[str, str] = {
    ".git": "No path has a .git component.",
    "env.php": "No env.php: the hosts fetch it from S3 themselves.",
    "auth.json": "No auth.json: Composer's passwords stay outside.",
    ".env": "No .env file.",
    "key file": "No *.key, *.p12, *.pfx, *.jks, *.ppk or id_rsa.",
    "pem": "Each *.pem holds nothing but certificates and public keys.",
    "private key": "No content has the text of a private key.",
    "aws key": "No content has an AWS access key id (AKIA…).",
    "git lfs": "No file is a Git LFS pointer in place of its content.",
}


def look_at_names(paths: Sequence[bytes]) -> list[Finding]:
    """Findings that the name alone decides."""
    names = _joined(paths)
    at = {rule: [names.count(b"\n", 0, found.start() + 1) - 1 for found in pattern.finditer(names)] for rule, pattern in BY_NAME.items()}
    return [(rule, paths[number].decode()) for rule, numbers in at.items() for number in numbers]


def look_into(path: bytes, content: bytes) -> list[Finding]:
    """Findings in a content. The plain searches come first: they let through nearly everything, at gigabytes per second."""
    found: list[Finding] = []
    if b"PRIVATE KEY" in content and PRIVATE_KEY.search(content):
        found.append(("private key", path.decode()))
    if b"AKIA" in content and AWS_KEY.search(content):
        found.append(("aws key", path.decode()))
    if path.endswith(b".pem") and not PUBLIC_PEM.search(content):
        found.append(("pem", path.decode()))
    if content.startswith(LFS):
        found.append(("git lfs", path.decode()))
    return found
