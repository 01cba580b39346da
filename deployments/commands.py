"""The commands of the hand-over document: arguments in, `Command` out. Pure; nothing is run here.

Each has the argv that is executed and the document's own words. Where they differ, the plan shows both: the document has en dashes where
Magento wants two hyphens, and globs that need a shell.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from estate.definition import Proof, Statics
from estate.maintenance import FLAG

APP = "/var/app/current"
STATIC = f"{APP}/pub/static"
MAINTENANCE_FLAG = FLAG
MANIFESTS = (  # written by Beanstalk at the end of a deployment: Amazon Linux 1; 2 and 2023
    "/opt/elasticbeanstalk/deploy/manifest",
    "/opt/elasticbeanstalk/deployment/app_version_manifest.json",
)
LOG_FILES = {"al1": "/var/log/eb-activity.log", "al2": "/var/log/eb-engine.log"}  # Amazon Linux 1; 2 and 2023


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    words: str = ""  # the document's, where they differ from what is executed

    def __str__(self) -> str:
        return shlex.join(self.argv)


def maintenance(*, on: bool) -> Command:
    return _magento("maintenance:enable" if on else "maintenance:disable")


def flush_cache() -> Command:
    return _magento("cache:flush")


def clear_statics() -> Command:
    """Everything but .htaccess, which only the code brings back (magento.md 1.6). No shell, so no glob to go wrong."""
    argv = ("sudo", "find", STATIC, "-mindepth", "1", "-maxdepth", "1", "!", "-name", ".htaccess", "-exec", "rm", "-rf", "--", "{}", "+")
    return Command(argv, words=f"sudo rm -rf {STATIC}/*")


def deploy_statics(statics: Statics, *, version: str = "") -> Command:
    """`version` keeps that one; else Magento takes a new one, and writes it before the first file."""
    theme = ("--theme", statics.theme) if statics.theme else ()
    keep = (f"--content-version={version}",) if version else ()
    words = ("setup:static-content:deploy", "--force", "--area", statics.area, *theme)
    told = str(_magento(*words, *statics.languages)).replace(" --", " –")
    return Command(_magento(*words, *keep, *statics.languages).argv, words=told)  # the document's dashes, which Magento takes for languages


def new_statics_version() -> Command:
    return _magento("setup:static-content:deploy", "--force", "--refresh-content-version-only")


def statics_version() -> Command:
    return Command(("cat", f"{STATIC}/deployed_version.txt"))


def files_of(statics: Statics) -> tuple[str, ...]:
    """What must be there after `deploy_statics`: rc 0 alone proves nothing (magento.md 1.5)."""
    theme = statics.theme or "Magento/backend"
    return (f"{STATIC}/deployed_version.txt", *(f"{STATIC}/{statics.area}/{theme}/{language}" for language in statics.languages))


def is_mounted(path: str) -> Command:
    return Command(("mountpoint", "-q", path))


def is_there(path: str) -> Command:
    return Command(("test", "-e", path))


def look_for(proof: Proof) -> tuple[Command, dict[str, str]]:
    """The command, and what its output has to be where exit code 0 does not say it: {"says": text}."""
    match proof.what:
        case "file":
            return Command(("sudo", "test", "-s", proof.at)), {}
        case "line":
            return Command(("sudo", "grep", "-qF", "--", proof.value, proof.at)), {}
        case "owner":
            return Command(("stat", "-c", "%U", proof.at)), {"says": proof.value}
        case "directories":
            return Command(("sudo", "find", proof.at, "-type", "d", "!", "-perm", proof.value, "-print", "-quit")), {"says": ""}
        case "service":
            return Command(("sudo", "service", proof.at, "status")), {}
    return Command(("getent", "passwd", proof.at)), {}


def schema_status(plan: str) -> Command:
    """Does the database fit the code of this host? 0: it does; 2: it does not. Changes nothing; the running code asks so itself."""
    if plan == "magento":
        return _magento("setup:db:status")
    return Command(("sudo", "-u", "webapp", "php", f"{APP}/bin/console", "doctrine:schema:validate", "--no-interaction"))


def processes(contain: str) -> Command:
    """Exit code 1: none. The brackets keep it from finding the shell that asks."""
    return Command(("pgrep", "-f", f"[{contain[0]}]{contain[1:]}"))


def newer_files(than: str) -> Command:
    """Below the web root, and not what the application writes for itself."""
    kept = ("-not", "-path", f"{APP}/var/*", "-not", "-path", f"{APP}/cache/*")
    return Command(("sudo", "find", APP, "-xdev", "-type", "f", "-newer", than, *kept, "-print"))


def mounted_shares() -> Command:
    return Command(("findmnt", "-rn", "-t", "nfs,nfs4", "-o", "TARGET"))


def free_room() -> Command:
    return Command(("df", "-Pk", "/var/app"))


def count_files(path: str) -> Command:
    return Command(("find", path, "-xdev", "-type", "f", "-printf", "."))


def tail_of(path: str, *, lines: int) -> Command:
    return Command(("sudo", "tail", "-n", str(lines), path))


def line_count(path: str) -> Command:
    return Command(("sudo", "grep", "-c", "", path))


def heads(url: str, *branches: str) -> Command:
    return Command(("git", "ls-remote", "--", url, *(f"refs/heads/{branch}" for branch in branches)))


def upload(path: str, bucket: str, key: str) -> Command:
    return Command(("aws", "s3", "cp", path, f"s3://{bucket}/{key}"))


def create_version(application: str, label: str, bucket: str, key: str) -> Command:
    source = f"S3Bucket={bucket},S3Key={key}"
    options = ("--application-name", application, "--version-label", label, "--source-bundle", source)
    return Command(("aws", "elasticbeanstalk", "create-application-version", *options))


def invalidate(domain: str, path: str) -> Command:
    """The distribution is looked up by its name when it is done."""
    return Command(("aws", "cloudfront", "create-invalidation", "--distribution-id", f"the one of {domain}", "--paths", path))


def describe_version(application: str, label: str) -> Command:
    options = ("--application-name", application, "--version-labels", label)
    return Command(("aws", "elasticbeanstalk", "describe-application-versions", *options))


def restart(environment: str) -> Command:
    return Command(("aws", "elasticbeanstalk", "restart-app-server", "--environment-name", environment))


def request_logs(environment: str, *, kind: str = "tail") -> Command:
    """`kind`: tail or bundle."""
    return Command(("aws", "elasticbeanstalk", "request-environment-info", "--environment-name", environment, "--info-type", kind))


def update_environment(environment: str, label: str) -> Command:
    return Command(("aws", "elasticbeanstalk", "update-environment", "--environment-name", environment, "--version-label", label))


def _magento(*words: str) -> Command:
    return Command(("sudo", "-u", "webapp", "php", f"{APP}/bin/magento", *words))
