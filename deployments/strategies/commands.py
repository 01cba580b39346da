"""The commands of a release that is built once: arguments in, `Command` out. Pure; the document has none of them."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.commands import APP, STATIC, Command
from estate.definition import Statics

COMMAND, PROCESS = "aws:elasticbeanstalk:command", "aws:elasticbeanstalk:environment:process:default"
_VERSION = "deployed_version.txt"
_ATTEMPTS = 15  # at S3, with up to twenty seconds between two: some three minutes


@dataclass(frozen=True, slots=True)
class Folder:
    """Where one build stands on the build host."""

    path: str

    @property
    def tree(self) -> str:
        return f"{self.path}/tree"

    @property
    def asking(self) -> str:
        return f"{self.path}/asking"

    @property
    def archive(self) -> str:
        return f"{self.path}/release.zip"

    @property
    def statics(self) -> str:
        return f"{self.path}/statics.zip"


def make_folder(path: str) -> Command:
    return Command(("mkdir", "-p", path))


def remove_folder(path: str) -> Command:
    return Command(("rm", "-rf", "--", path))


def download(bucket: str, key: str, path: str) -> Command:
    return _copied(f"s3://{bucket}/{key}", path)


def upload(path: str, bucket: str, key: str) -> Command:
    return _copied(path, f"s3://{bucket}/{key}")


def _copied(source: str, target: str) -> Command:
    """By itself AWS's program gives up on a throttled S3 within seconds, after three attempts."""
    patience = ("AWS_RETRY_MODE=standard", f"AWS_MAX_ATTEMPTS={_ATTEMPTS}")
    return Command(("env", *patience, "aws", "s3", "cp", "--only-show-errors", source, target))


def unpack(archive: str, folder: str) -> Command:
    return Command(("bsdtar", "-x", "-f", archive, "-C", folder))


def pack(folder: str, archive: str) -> Command:
    """Never with the env.php that a build may have left."""
    return Command(("bsdtar", "-a", "-c", "-f", archive, "--exclude", "./app/etc/env.php", "-C", folder, "."))


def composer(tree: str) -> Command:
    return Command(("composer", "install", "--no-dev", "--no-interaction", "--prefer-dist", f"--working-dir={tree}"))


def compile_code(tree: str) -> Command:
    return _in(tree, "setup:di:compile")


def build_statics(tree: str, statics: Statics, version: str) -> Command:
    theme = ("--theme", statics.theme) if statics.theme else ()
    words = ("--force", "--area", statics.area, *theme, f"--content-version={version}", *statics.languages)
    return _in(tree, "setup:static-content:deploy", *words)


def copy_tree(source: str, target: str) -> Command:
    return Command(("cp", "-a", source, target))


def put_env(env: str, tree: str) -> Command:
    return Command(("install", "-m", "0600", env, f"{tree}/app/etc/env.php"))


def ask(tree: str, command: str) -> Command:
    return _in(tree, command)


def ask_live(command: str) -> Command:
    return Command(("sudo", "-u", "webapp", "php", f"{APP}/bin/magento", command))


def publish(folder: str) -> Command:
    """Adds and replaces; nothing is deleted, and the version's file comes last, by itself."""
    return Command(("sudo", "-u", "webapp", "rsync", "-rlt", f"--exclude={_VERSION}", "--exclude=.htaccess", f"{folder}/", f"{STATIC}/"))


def bring_version(folder: str) -> Command:
    return Command(("sudo", "-u", "webapp", "install", "-m", "0644", f"{folder}/{_VERSION}", f"{STATIC}/.{_VERSION}.new"))


def flip_version() -> Command:
    """In one moment: nobody reads half of it."""
    return Command(("sudo", "-u", "webapp", "mv", "-f", f"{STATIC}/.{_VERSION}.new", f"{STATIC}/{_VERSION}"))


def upgrade() -> Command:
    """`--keep-generated`: without it the shared statics would be emptied (magento.md 1.4)."""
    return Command(("sudo", "-u", "webapp", "php", f"{APP}/bin/magento", "setup:upgrade", "--keep-generated", "--no-interaction"))


def cron(*, on: bool) -> Command:
    return Command(("sudo", "service", "crond", "start" if on else "stop"))


def jobs() -> Command:
    """Exit code 1: none. The brackets keep it from finding itself."""
    return Command(("pgrep", "-fa", "[b]in/magento"))


def own_page(host_header: str, path: str) -> Command:
    """What this very host answers, past the load balancer: its status alone."""
    return Command(("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {host_header}", f"http://localhost{path}"))


def snapshot(database: str) -> Command:
    return Command(
        (
            "aws",
            "rds",
            "create-db-snapshot",
            "--db-instance-identifier",
            database,
            "--db-snapshot-identifier",
            f"opsconsole-RUN-TIME-ATTEMPT-{database}",
        )
    )


def option(environment: str, namespace: str, name: str, value: str) -> Command:
    option = f"Namespace={namespace},OptionName={name},Value={value}"
    return Command(("aws", "elasticbeanstalk", "update-environment", "--environment-name", environment, "--option-settings", option))


def _in(tree: str, *words: str) -> Command:
    return Command(("php", f"{tree}/bin/magento", *words))
