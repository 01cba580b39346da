"""The build host: PHP, composer and an archiver, a folder to build in, and what lets the new code look at a database without harm.

Lives here: what is on it at the start, and the programs that it is there for (`composer`, `bsdtar`, `rsync`, `aws s3 cp`), played.
"""

from __future__ import annotations

import fnmatch
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.durations import DURATIONS
from sandbox.hosts.faults import stands
from sandbox.hosts.paths import mapped
from sandbox.hosts.play import Play
from sandbox.world import REGION, Host, World

READ_ONLY = "opsconsole_ro"
_ENV_PHP = """<?php
// For looking only: a user of the database who may read, no cache, no cron.
return [
    'MAGE_MODE' => 'production',
    'db' => ['connection' => ['default' => ['host' => 'client-magento-{stage}.db.internal-client.url', 'dbname' => 'magento',
        'username' => '{user}', 'active' => '1']]],
    'session' => ['save' => 'files'],
    'cron' => ['enabled' => 0],
    'install' => ['date' => 'Tue, 01 Sep 2026 09:00:00 +0000'],
];
"""


def furnish(world: World, host: Host) -> None:
    (host.root / "var/opsconsole/build").mkdir(parents=True, exist_ok=True)
    (host.root / "etc/opsconsole").mkdir(parents=True, exist_ok=True)
    for stage, environment in (("prod", "production"), ("preprod", "pre-production")):
        path = host.root / f"etc/opsconsole/magento-{environment}.php"
        path.write_text(_ENV_PHP.replace("{stage}", stage).replace("{user}", READ_ONLY))
        path.chmod(0o600)


def composer(call: Play) -> int:
    """`composer install --working-dir=DIR …`."""
    folder = next((argument.partition("=")[2] for argument in call.argv if argument.startswith("--working-dir=")), str(call.cwd))
    tree = Path(mapped(call.host, folder))
    if list(call.argv[1:2]) != ["install"] or not (tree / "composer.json").exists():
        call.error("Composer could not find a composer.json file in the working directory\n")
        return 1
    if any(fault.kind == "command-fails" and fault.options.get("command") == "composer" for fault in call.world.faults.listed()):
        call.error(
            "\n  [Composer\\Downloader\\TransportException]\n  curl error 28 while downloading https://repo.magento.com/packages.json\n\n"
        )
        return 100
    call.out("Installing dependencies from lock file\nVerifying lock file contents can be installed on current platform.\n")
    _wait(call, DURATIONS.composer_install)
    installed = tree / "vendor/composer/installed.json"
    count = len(json.loads(installed.read_text()).get("packages", [])) if installed.exists() else 0
    call.out(f"Package operations: {count} installs, 0 updates, 0 removals\nGenerating optimized autoload files\n")
    return 0


def bsdtar(call: Play) -> int:
    """`bsdtar -x -f ARCHIVE -C DIR [MEMBER]`, and `bsdtar -a -c -f ARCHIVE.zip [--exclude PATTERN] -C DIR .`: zips only."""
    options, excluded, members = _tar_options(call.argv[1:])
    archive, folder = Path(mapped(call.host, options.get("-f", ""))), Path(mapped(call.host, options.get("-C", "/")))
    if stands(call.world, "disk-full", call.host):
        call.error(f"bsdtar: {options.get('-f', '')}: Write error: No space left on device\n")
        return 1
    _wait(call, DURATIONS.unzip)
    try:
        if "-c" in call.argv:
            _pack(archive, folder, excluded)
        else:
            _unpack(archive, folder, members)
    except (OSError, zipfile.BadZipFile) as error:
        call.error(f"bsdtar: Error opening archive: {str(error).replace(str(call.host.root), '')}\n")
        return 1
    return 0


def _tar_options(arguments: list[str] | Any) -> tuple[dict[str, str], list[str], list[str]]:
    options: dict[str, str] = {}
    excluded, members = [], []
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-f", "-C"):
            options[argument] = next(rest, "")
        elif argument == "--exclude":
            excluded.append(next(rest, ""))
        elif not argument.startswith("-"):
            members.append(argument)
    return options, excluded, members


def _pack(archive: Path, folder: Path, excluded: list[str]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not any(fnmatch.fnmatch(f"./{name}", pattern) for pattern in excluded):
                made.write(path, name)


def _unpack(archive: Path, folder: Path, members: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as source:
        for entry in source.infolist():
            if not members or any(entry.filename.startswith(member.removeprefix("./").rstrip("/") + "/") for member in members):
                written = Path(source.extract(entry, folder))
                if (entry.external_attr >> 16) & 0o111 and written.is_file():
                    written.chmod(0o755)


def rsync(call: Play) -> int:
    """`rsync -rlt [--exclude=NAME] SOURCE/ TARGET/`: adds and replaces, deletes nothing."""
    excluded = {argument.partition("=")[2] for argument in call.argv if argument.startswith("--exclude=")}
    source, target = (Path(mapped(call.host, argument)) for argument in [each for each in call.argv[1:] if not each.startswith("-")][-2:])
    if not source.is_dir():
        call.error(f'rsync: change_dir "{call.argv[-2]}" failed: No such file or directory (2)\n')
        return 23
    files = [path for path in sorted(source.rglob("*")) if path.is_file() and path.name not in excluded]
    for number, path in enumerate(files, 1):
        there = target / path.relative_to(source)
        there.parent.mkdir(parents=True, exist_ok=True)
        beside = there.with_name(f".{there.name}.rsync")
        shutil.copyfile(path, beside)
        beside.replace(there)
        if number % 20 == 0:
            _wait(call, DURATIONS.publish_statics * 20 / len(files))
    call.out(f"Number of regular files transferred: {len(files)}\n")
    return 0


def aws(call: Play) -> int:
    """`aws s3 cp SOURCE TARGET`, one of which is s3://BUCKET/KEY: by the very API that everybody asks.

    Where its environment does not say otherwise it asks three times, as version 2 of the program does.
    """
    words = [argument for argument in call.argv[1:] if not argument.startswith("-")]
    if words[:2] != ["s3", "cp"] or len(words) != 4:
        call.error("aws: error: only `aws s3 cp SOURCE TARGET` is played here\n")
        return 252
    attempts = int(call.settings.get("AWS_MAX_ATTEMPTS", "3"))
    make: Any = boto3.client
    s3 = make(
        "s3",
        endpoint_url=call.world.aws.endpoint,
        region_name=REGION,
        aws_access_key_id="build-host",
        aws_secret_access_key="sandbox",  # noqa: S106
        config=Config(proxies={}, retries={"mode": "standard", "total_max_attempts": attempts}, s3={"addressing_style": "path"}),
    )
    source, target = words[2:]
    try:
        if source.startswith("s3://"):
            bucket, _, key = source.removeprefix("s3://").partition("/")
            s3.download_file(bucket, key, mapped(call.host, target))
            call.out(f"download: {source} to {target}\n")
        else:
            bucket, _, key = target.removeprefix("s3://").partition("/")
            s3.upload_file(mapped(call.host, source), bucket, key)
            call.out(f"upload: {source} to {target}\n")
    except S3UploadFailedError as error:
        call.error(f"upload failed: {source} to {target} {error.__context__}\n")
        return 1
    except (ClientError, BotoCoreError, OSError) as error:
        call.error(f"fatal error: {error}\n")
        return 1
    return 0


def _wait(call: Play, seconds: float) -> None:
    """In slices: whoever kills the command ends it."""
    for _ in _slices(seconds, call):
        if call.killed():
            return


def _slices(seconds: float, call: Play) -> Iterator[None]:
    left = seconds
    while left > 0:
        piece = min(left, 0.25 * call.world.clock.speed)
        call.world.clock.sleep(piece)
        left -= piece
        yield
