# ruff: noqa: E501  (long rows of strings read better than a column of them)
"""Hostile strings, made from generators: shells, git, HTML, SQL, templates, paths, Unicode, encodings, lengths. Always the same ones.

`strings(canary)` has more than a thousand; whatever would execute one of them would leave a file named `canary`.
"""

from __future__ import annotations

import itertools
import random
import unicodedata
from collections.abc import Iterator

ORDINARY = ("master", "release/2026-11", "feature_x", "hotfix-1.2")
_WRAPPED = (
    "$({c})", "`{c}`", ";{c}", "; {c} #", "|{c}", "|| {c}", "&& {c}", "& {c} &", "\n{c}\n", "\r\n{c}", "'; {c}; '", '"; {c}; "', "$(({c}))",
    "${{IFS}}{c}", "<({c})", ">({c})", "{{{c},}}", "\\`{c}\\`", "%0a{c}", "%3B{c}", "\\x3b{c}", "$'\\x0a'{c}", "!{c}", "~{c}", "*;{c}",
)  # fmt: skip
_AROUND = ("{}", "master{}", "{}master", "a/{}/b", "-{}", "refs/heads/{}", "{}..master", "@{{{}}}", "{}^{{}}")
_OPTIONS = (
    "--upload-pack={c}", "--receive-pack={c}", "--exec={c}", "-u{c}", "-c core.sshCommand={c}", "--output={f}", "-o{f}", "--git-dir={f}",
    "-oProxyCommand={c}", "--config=core.fsmonitor={c}", "--template={f}", "--open-files-in-pager={c}", "--ext-diff", "--textconv", "--no-index",
    "ext::{c}", "fd::3", "file:///etc/passwd", "ssh://-oProxyCommand={c}/x", "git://x", "http://169.254.169.254/", "@", "HEAD", "FETCH_HEAD",
    "ORIG_HEAD", "refs/heads/master", "refs/../../x", "master@{{upstream}}", "master~1", "master^", ":/fix", "a..b", "a...b", "a.lock", ".a", "a.",
    "a//b", "/a", "a/", "a/.b", "a\\b", "a:b", "a?b", "a*b", "a[b", "a b", "+a:b", "^a",
)  # fmt: skip
_MARKUP = (
    "<script>{j}</script>", "<img src=x onerror={j}>", "'\"><svg/onload={j}>", "javascript:{j}", "<a href='javascript:{j}'>x</a>", "{{{{7*7}}}}",
    "{{% load os %}}", "${{7*7}}", "#{{7*7}}", "<%= 7*7 %>", "<!--#exec cmd='{c}'-->", "<?php system('{c}'); ?>", "]]><x>", "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>",
    "' OR 1=1 --", "'; DROP TABLE run; --", '" OR ""="', "1; SELECT pg_sleep(9)", "') UNION SELECT password FROM operator --", "%", "_%", "\\'; --",
)  # fmt: skip
_PATHS = (
    "../{f}", "../../../../etc/passwd", "..\\..\\{f}", "/etc/passwd", "/proc/self/environ", "C:\\windows\\{f}", "\\\\host\\share", "~/.ssh/id_ed25519",
    "file:{f}", "....//....//{f}", "%2e%2e%2f{f}", "..%c0%af{f}", "..;/{f}", ".git/config", ".GIT/config", "git~1/config", ".gi\u200ct/config",
    "CON", "NUL", "aux.txt", "a" * 255 + "/{f}", "{f}\x00.txt", ".", "..", "...", "-", "--", "",
)  # fmt: skip
_WORDS = (
    "null", "None", "undefined", "true", "false", "NaN", "Infinity", "-1", "0", "1e309", "0x7fffffff", "9" * 30, "1/0", "٣", "²", "½", "１２３",
    "İ", "ß", "ﬁ", "Ａdmin", "аdmin", "admin\u200b", "admin ", " admin", "ADMIN", "root", "releaser\u202e", "\u2066viewer\u2069", "𝓇eleaser",
)  # fmt: skip


def strings(canary: str) -> list[str]:
    """More than a thousand, each once, in a fixed order."""
    found = dict.fromkeys(_all(f"touch {canary}", canary))
    assert len(found) > 1000, len(found)
    return list(found)


def _all(command: str, file: str) -> Iterator[str]:
    shells = [wrapped.format(c=command) for wrapped in _WRAPPED]
    yield from (around.format(shell) for shell, around in itertools.product(shells, _AROUND))
    for pattern in (*_OPTIONS, *_MARKUP, *_PATHS):
        text = pattern.format(c=command, f=file, j="alert(1)") if "{" in pattern else pattern
        yield text
        yield f"{text}\n"
        yield f"\u202e{text}"
    yield from _WORDS
    yield from _unicode()
    yield from _mutants(command)
    yield from ("a" * length for length in (101, 255, 256, 1000, 4096, 70_000))
    yield from ("é" * 101, "💥" * 300, "a\u0301" * 200, "A" * 99 + ";", "(" * 1000, "[" * 1000)


def _unicode() -> Iterator[str]:
    """Control characters, blanks, bidi, look-alikes, and what normalises to something harmful."""
    for code in (*range(0x20), *range(0x7F, 0xA1), *range(0x2000, 0x2010), *range(0x2028, 0x2030), *range(0x2066, 0x206A), 0xFEFF, 0xFFFD):
        yield f"mas{chr(code)}ter"
        yield f"{chr(code)}master"
    for code in (0xFF1B, 0xFF04, 0xFF40, 0xFF5C, 0xFF06, 0xFF0F, 0xFF3C, 0x2215, 0x2024, 0x2025, 0xFE68, 0x037E):
        yield f"master{chr(code)}touch"
        yield unicodedata.normalize("NFKC", f"master{chr(code)}touch")
    yield from (
        "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
        "\U0010ffff",
        "\U000e0041",
        "a\u0300\u0301\u0302" * 20,
    )


def _mutants(command: str) -> Iterator[str]:
    """Ordinary names with something put into them, at random but always the same."""
    chance = random.Random(4)
    harmful = (*";|&$`'\"\\<>(){}[]*?!~^:@#% \t", f"$({command})", "..", "/.", "//", "\x1b[31m", "\x00")
    for _ in range(400):
        name, at = chance.choice(ORDINARY), chance.randrange(8)
        yield name[:at] + chance.choice(harmful) * chance.choice((1, 1, 1, 2, 40)) + name[at:]
