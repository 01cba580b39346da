"""One deployment on one host: what both platforms do alike, whatever they write about it."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.durations import DURATIONS
from sandbox.hosts import applications, extensions, magento, releases, shares
from sandbox.hosts.extensions import ContainerCommand, Extensions, MountHook
from sandbox.hosts.faults import bare, stands, strikes_command, text_of
from sandbox.world import Host, World

_DEFAULT_VICTIMS = ("setup_upgrade", "di_compile")  # what fails where a fault names no command


class CommandFailed(Exception):
    """`file` is the .config file's name, empty for a hook."""

    def __init__(self, name: str, file: str, returncode: int, output: str) -> None:
        super().__init__(f"{name} failed with {returncode}")
        self.name, self.file, self.returncode, self.output = name, file, returncode, output
        self.told = False  # whether a log has said why already


class TimedOut(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(slots=True)
class Deployment:
    world: World
    host: Host
    bundle: bytes
    label: str
    deployment_id: int
    leader: bool
    extensions: Extensions = field(default=Extensions((), ()))

    @property
    def staging(self) -> Path:
        return releases.staging(self.host)

    def shown(self, path: Path) -> str:
        return "/" + str(path.relative_to(self.host.root))

    def unpack(self, hook: str) -> None:
        """Raises BadZipFile and BadExtension; CommandFailed where the disk is full."""
        if stands(self.world, "disk-full", self.host):
            self.world.clock.sleep(DURATIONS.unzip / 2)
            wanted = self.shown(self.staging / "vendor/composer/installed.json")
            raise CommandFailed(
                hook, "", 50, f"{wanted}:  write error (disk full?).  Continue? (y/n/^C)\nwarning:  {wanted} is probably truncated"
            )
        releases.unpack(self.bundle, self.staging)
        for folder in () if self.host.other else ("var", "generated", "pub/static", "pub/media"):
            (self.staging / folder).mkdir(parents=True, exist_ok=True)
        self.extensions = extensions.read(self.staging)
        self.world.clock.sleep(DURATIONS.unzip)

    def write_host_files(self) -> None:
        for file in self.extensions.files:
            path = self.host.root / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_secret_of(self.host) if file.source else file.content)
        applications.start_services(self.host, self.extensions.services)

    def commands(self) -> list[ContainerCommand]:
        """Those that run on this host, in alphabetical order; a leader-only one runs on the leader."""
        return [command for command in self.extensions.commands if self.leader or not command.leader_only]

    def run(self, command: ContainerCommand, write: Callable[[str], None] = lambda text: None) -> str:
        """The command's output. Raises CommandFailed and TimedOut."""
        output: list[str] = []

        def both(text: str) -> None:
            output.append(text)
            write(text)

        unnamed = bare(command.name) in _DEFAULT_VICTIMS
        if strikes_command(self.world, "command-timeout", self.host, command.name, unnamed=unnamed):
            self.world.clock.sleep(DURATIONS.command_timeout)
            raise TimedOut(command.name)
        if fault := strikes_command(self.world, "command-fails", self.host, command.name, unnamed=unnamed):
            self.world.clock.sleep(DURATIONS.magento_start + DURATIONS.di_compile / 6)
            both(text_of(fault, command.name, self.shown(self.staging)))
            code = int(fault.options.get("returncode", "1"))
        else:
            code = self.perform(shlex.split(command.command), both)
            if " php " not in f" {command.command} ":  # PHP's own commands take their own time
                self.world.clock.sleep(DURATIONS.magento_start)
        if code and not command.ignore_errors:
            raise CommandFailed(command.name, command.file, code, "".join(output))
        return "".join(output)

    def perform(self, argv: list[str], write: Callable[[str], None]) -> int:
        """The CLIs are played, installing a file and what the smaller applications need is done; all else is done on a real host only."""
        while argv[:1] == ["sudo"]:
            argv = argv[3:] if argv[1:2] == ["-u"] else argv[1:]
        if argv[:1] == ["php"] and argv[1:2] and argv[1].endswith("bin/magento"):
            return magento.run(self.world, self.host, self.staging, argv[2:], write)
        if argv[:1] == ["php"] and argv[1:2] and argv[1].endswith("bin/console"):
            return applications.console(self.world, self.host, self.staging, argv[2:], write)
        if argv[:2] == ["chown", "-R"] and argv[-1] == ".":
            applications.own(self.host, shares.APP, argv[2].partition(":")[0])
        elif argv[:1] == ["useradd"]:
            return applications.add_user(self.host, argv, write)
        elif argv[:4] == ["find", ".", "-type", "d"] and argv[4:6] == ["-exec", "chmod"]:
            for folder in (self.staging, *(path for path in self.staging.rglob("*") if path.is_dir())):
                folder.chmod(int(argv[6], 8))
        elif argv[:1] in (["install"], ["cp"], ["mv"]) and len(argv) > 2:
            source, target = self._path(argv[-2]), self._path(argv[-1])
            if not source.exists():
                write(f"{argv[0]}: cannot stat '{argv[-2]}': No such file or directory\n")
                return 1
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return 0

    def _path(self, text: str) -> Path:
        return self.host.root / text.lstrip("/") if text.startswith("/") else self.staging / text

    def flip(self) -> None:
        """`mv current current.old; mv staging current; rm -rf current.old`, with whatever is still mounted in it."""
        app = self.host.app
        old = app.with_name("current.old")
        still = {point: source for point, source in shares.mounted(self.host).items() if point.startswith(shares.APP + "/")}
        shutil.rmtree(old, ignore_errors=True)
        if app.exists():
            app.rename(old)
        self.staging.rename(app)
        shares.remove_with_mounts(self.world, self.host, old, still)
        releases.write_manifest(self.host, self.label, self.deployment_id)
        self.world.clock.sleep(DURATIONS.flip)

    def apply(self, hook: MountHook) -> str:
        """Does what the hook does to the shares."""
        known = shares.mounted(self.host)
        for point in hook.umounts:
            if point in known:
                shares.umount(self.host, point)
        for export, point in hook.mounts:
            if export in shares.SHARES:
                shares.mount(self.world, self.host, export, point)
        return ""


def _secret_of(host: Host) -> str:
    """A file that a real host fetches from S3."""
    return applications.PARAMETERS.format(name=host.other.replace("-", "_")) if host.other else env_php(host)


def env_php(host: Host) -> str:
    """Where the host finds its database and its cache; the sandbox has no secret to put in."""
    name = f"client-magento-{shares.stage_of(host)}"
    return f"""<?php
return [
    'MAGE_MODE' => 'production',
    'db' => ['connection' => ['default' => ['host' => '{name}.db.internal-client.url', 'dbname' => 'magento', 'active' => '1']]],
    'cache' => ['frontend' => ['default' => ['backend' => 'Cm_Cache_Backend_Redis',
        'backend_options' => ['server' => '{name}.cache.internal-client.url', 'database' => '0']]]],
    'session' => ['save' => 'redis', 'redis' => ['host' => '{name}.cache.internal-client.url', 'database' => '2']],
    'cron' => ['enabled' => 1],
    'install' => ['date' => 'Tue, 01 Sep 2026 09:00:00 +0000'],
];
"""
