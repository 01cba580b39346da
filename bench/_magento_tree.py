"""Two repositories of the size of a real shop: 75,000 files, 420 MB, with the mix of contents that decides how well an archive packs.

Deterministic, made once and kept: a base commit, then commits that each change 50 files as a day's work does.
"""

# ruff: noqa: E501 - the shapes of lines are lines of other languages
from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

VERSION = "3"
COMMITS = 24
CHANGED = 50
ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}

LICENSE = "/**\n * Copyright © Magento, Inc. All rights reserved.\n * See COPYING.txt for license details.\n */\n"
# suffix, share of the files, mean size in bytes
KINDS = (
    ("php", 0.56, 4300), ("xml", 0.14, 3300), ("phtml", 0.05, 3200), ("js", 0.08, 9500), ("less", 0.04, 5200), ("html", 0.03, 2600),
    ("csv", 0.03, 13000), ("json", 0.02, 5200), ("md", 0.015, 3500), ("png", 0.022, 14000), ("woff2", 0.003, 42000), ("svg", 0.01, 4000),
)  # fmt: skip
SHAPES = {
    "php": ("    public function {v}{A}({B} ${b}, array ${c} = [])", "        $this->{a} = ${b}->get{C}()['{c}'] ?? null;", "        return $this->{a}{B}->{v}{C}(${a}, {n});",
            "     * @param {A}\\{B} ${b}", "use {A}\\{B}\\Model\\{C}Interface;", "    protected ${a}{B};", "        if (!${a}->{v}{B}() && ${c} !== {n}) {{", "    }}", "", "    {{",
            "            throw new {A}Exception(__('The {a} {b} was not {c}.'));", "     * @return {A}|null", "     */", "    /**"),
    "xml": ('        <argument name="{a}{B}" xsi:type="object">{A}\\{B}\\{C}</argument>', '    <type name="{A}\\{B}\\Model\\{C}">', "    </type>",
            '        <plugin name="{a}_{b}_{c}" type="{A}\\{B}\\Plugin\\{C}" sortOrder="{n}"/>', '        <item name="{a}" xsi:type="string">{b}/{c}</item>', '    <event name="{a}_{b}_save_after">'),
    "less": (".{a}-{b} {{", "    .lib-{a}-{b}(@{c});", "    margin: {n}px 0;", "}}", "    color: @{a}__{b};", "    &.{c} > .{a} {{", "        padding-{b}: {n}px;"),
    "js": ("    var {a} = {b}.{v}{C}({{{c}: {n}}});", "        {v}{A}: function ({b}, {c}) {{", "        return this.{a}().{b}({c}, '{a}/{b}');", "    }});", "    define(['jquery', '{a}/{b}'], function ($, {c}) {{",
           "            self.{a}{B}.push({{'{c}': {b}[{n}]}});", "        // {a} {b} {c}"),
    "html": ('<div class="{a}-{b}" data-bind="if: {v}{C}()">', "    <!-- ko foreach: {a}.{b} -->", '    <span data-bind="text: {c}, attr: {{title: {a}}}"></span>', "</div>", "    <!-- /ko -->"),
    "csv": ('"{A} {b} the {c} {a}.","{C} {a} le {b} {c}."', '"{A} {b}","{B} {a}"', '"%1 {a} of %2 {b} {c}","%1 {b} de %2 {a} {c}"'),
    "json": ('    "{a}/{b}-{c}": "{n}.{n}.*",', '    "name": "{a}/module-{b}",', '        "{A}\\\\{B}\\\\": "{c}/",', '    "hash": "{h}",'),
    "md": ("The {a} {b} is a {c} of the {A} {B}: it does {v} {b} when the {c} is {a}.", "## {A} {b}", "", "- `{a}_{b}`: {c} {v}"),
    "svg": ('<path d="M{n} {n}.{n}l{n}-{n}.{n}c{n} {n} {n}.{n} {n} {n}z" fill="#{h}"/>', '<g id="{a}-{n}">', "</g>"),
}  # fmt: skip
SHAPES["phtml"] = (
    SHAPES["html"]
    + SHAPES["php"][:3]
    + ("<?php foreach ($block->get{A}{B}() as ${c}): ?>", "    <?= $escaper->escapeHtml(${a}->get{B}()) ?>")
)
BEGIN = {
    "php": "<?php\n" + LICENSE,
    "phtml": "<?php\n" + LICENSE + "?>\n",
    "xml": '<?xml version="1.0"?>\n<!--\n' + LICENSE + "-->\n<config>\n",
    "js": LICENSE,
    "less": "// " + LICENSE,
}
CONFIG = {
    ".ebextensions/00-packages.config": b"packages:\n  yum:\n    nfs-utils: []\n",
    ".ebextensions/10-nfs.config": b"commands:\n  01_mount:\n    command: mount -a -t nfs4\n" * 8,
    ".ebextensions/20-env-php.config": b'files:\n  "/tmp/env.php":\n    mode: "000640"\n    owner: webapp\n' * 4,
    ".ebextensions/30-php.config": b"files:\n  /etc/php.d/90-magento.ini:\n    content: |\n      memory_limit = 2G\n",
    ".ebextensions/40-magento.config": b"container_commands:\n  01_upgrade:\n    command: php bin/magento setup:upgrade --keep-generated\n    leader_only: true\n",
    ".ebextensions/50-cron.config": b"files:\n  /etc/cron.d/magento:\n    content: |\n      * * * * * webapp php /var/app/current/bin/magento cron:run\n",
    "pub/health.php": b"<?php http_response_code(200);\n",
}
FIXED = {
    ".user.ini": b"memory_limit = 756M\nmax_execution_time = 18000\nsession.auto_start = off\n",
    "pub/.user.ini": b"memory_limit = 756M\nmax_execution_time = 18000\nsession.auto_start = off\n",
    ".htaccess": b"<IfModule mod_rewrite.c>\n    RewriteEngine on\n    RewriteRule .* index.php [L]\n</IfModule>\n" * 6,
    "pub/.htaccess": b"<IfModule mod_rewrite.c>\n    RewriteEngine on\n    RewriteRule .* index.php [L]\n</IfModule>\n" * 6,
    "app/etc/config.php": b"<?php\nreturn [\n    'modules' => [\n"
    + b"".join(b"        'Magento_Module%d' => 1,\n" % n for n in range(380))
    + b"    ]\n];\n",
}


@dataclass(frozen=True)
class Shop:
    """Bare repositories; `commits` of the code's, oldest first. `directory`: the configuration's that is laid over it; "" is all of it."""

    magento: Path
    config: Path
    commits: tuple[str, ...]
    files: int
    directory: str = ""


def make_shop(folder: Path, files: int, directory: str = "") -> Shop:
    """Made below `folder` if it is not there yet."""
    here = folder / "-".join(filter(None, (f"shop-{VERSION}-{files}", directory)))
    magento, config, done = here / "magento.git", here / "config.git", here / "commits"
    if not done.exists():
        here.mkdir(parents=True, exist_ok=True)
        for repository in (magento, config):
            _git(repository, "init", "--quiet", "--bare", "--initial-branch=master")
        _import(magento, _magento(files))
        _import(config, _config(directory))
        _git(magento, "repack", "-adfq", "--depth=20", "--window=5")
        commits = _git(magento, "rev-list", "--reverse", "master")
        done.write_text(commits)
    return Shop(magento, config, tuple(done.read_text().split()), files, directory)


def publish(shop: Shop, commit: str) -> None:
    """Make this commit the head of Magento's master, as a push does."""
    _git(shop.magento, "update-ref", "refs/heads/master", commit)


def _git(repository: Path, *words: str) -> str:
    return subprocess.run(["git", "--git-dir", repository, *words], env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout


def _import(repository: Path, pieces: Iterator[bytes]) -> None:
    with subprocess.Popen(["git", "--git-dir", repository, "fast-import", "--quiet"], env=ENVIRONMENT, stdin=subprocess.PIPE) as process:
        pipe: IO[bytes] | None = process.stdin
        if pipe is not None:
            pipe.writelines(pieces)
            pipe.close()
    if process.returncode:
        raise RuntimeError(f"git fast-import ended with {process.returncode}")


def _commit(number: int, text: str) -> bytes:
    return f"commit refs/heads/master\ncommitter Anna <anna@example.com> {1767319445 + number * 86400} +0100\ndata {len(text)}\n{text}\n".encode()


def _file(path: str, content: bytes, mode: str = "100644") -> bytes:
    return f"M {mode} inline {path}\ndata {len(content)}\n".encode() + content + b"\n"


def _config(directory: str) -> Iterator[bytes]:
    yield _commit(0, "Configuration")
    for path, content in CONFIG.items():
        yield _file(f"{directory}/{path}".lstrip("/"), content)


def _magento(files: int) -> Iterator[bytes]:
    writer = Writer(files)
    yield _commit(0, "The shop")
    for path, content in FIXED.items():
        yield _file(path, content)
    for number, path in enumerate(writer.paths):
        yield _file(path, writer.content(number), "100755" if number % 400 == 0 else "100644")
    for commit in range(1, COMMITS):
        yield _commit(commit, f"Day {commit}")
        for number in random.Random(commit).sample(range(len(writer.paths)), CHANGED):
            yield _file(writer.paths[number], writer.content(number) + f"\n// changed on day {commit}\n".encode())


class Writer:
    """Contents by number: words are drawn unevenly, as people use them, and a file keeps to a few of its own."""

    def __init__(self, files: int) -> None:
        chance = random.Random(7)
        syllables = ["ca", "ta", "log", "pro", "duct", "cus", "tom", "er", "quo", "te", "ship", "ment", "pay", "in", "voice", "re", "view", "store", "con", "fig", "price", "rule",
                     "at", "tri", "bute", "col", "lec", "tion", "fac", "to", "ry", "in", "dex", "block", "lay", "out", "ses", "sion", "mes", "sage", "que", "ue", "tax", "sales"]  # fmt: skip
        self.words = ["".join(chance.choices(syllables, k=chance.choice((1, 2, 2, 3, 3, 4)))) for _ in range(6000)]
        self.weights = [1 / (n + 8) for n in range(len(self.words))]
        self.kinds = chance.choices([kind for kind, _, _ in KINDS], [share for _, share, _ in KINDS], k=files - len(FIXED))
        self.sizes = {kind: size for kind, _, size in KINDS}
        self.noise = chance.randbytes(1 << 20)
        self.paths = [self._path(number, kind) for number, kind in enumerate(self.kinds)]

    def _path(self, number: int, kind: str) -> str:
        word = self.words
        module = number // 38
        top = f"vendor/{word[module % 41]}/module-{word[module % 977]}-{module}"
        if number % 9 == 0:
            top = f"app/code/Client/{word[module % 500].title()}{module}"
        place = {"php": ("Model", "Block", "Test/Unit/Model", "Setup/Patch/Data", "Api/Data")[number % 5], "xml": "etc", "csv": "i18n"}.get(
            kind, "view/frontend/web"
        )
        return f"{top}/{place}/{word[(number * 7) % 6000].title()}{word[(number * 13) % 6000].title()}{number % 38}.{kind}"

    def content(self, number: int) -> bytes:
        kind = self.kinds[number]
        chance = random.Random(number)
        size = int(self.sizes[kind] * chance.lognormvariate(-0.41, 1.0)) + 60
        if kind in ("png", "woff2"):
            start = chance.randrange(len(self.noise) // 2)
            return b"\x89PNG\r\n\x1a\n" + number.to_bytes(4, "big") + self.noise[start : start + size]
        own = chance.choices(self.words, self.weights, k=14)
        common = chance.choices(self.words, self.weights, k=30)
        text = [BEGIN.get(kind, "")]
        length = 0
        shapes = SHAPES[kind]
        while length < size:
            a, b, c = chance.choice(own), chance.choice(own), chance.choice(common)
            line = chance.choice(shapes).format(
                a=a, b=b, c=c, A=a.title(), B=b.title(), C=c.title(), n=int(chance.random() * 400), h=f"{chance.getrandbits(24):06x}",
                v=chance.choice(("get", "set", "is", "load", "save", "prepare", "add")),
            )  # fmt: skip
            text.append(line)
            length += len(line) + 1
        return "\n".join(text).encode() + b"\n"
