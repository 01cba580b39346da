"""The repositories of the estate: real git, bare, below `data/repositories`, served over the sandbox's SSH by `sandbox.hosts`.

`prepare` makes them once; a second call finds them and reads their state from git itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from sandbox.repositories.applications import APPLICATIONS
from sandbox.repositories.applications import history as application_history
from sandbox.repositories.beanstalk_tree import Stage
from sandbox.repositories.bundle import zipped
from sandbox.repositories.git import Commit, Writing, files_of, git, make_bare
from sandbox.repositories.history import (
    DEPLOYED_MESSAGE,
    SHOP,
    beanstalk_history,
    magento_history,
)
from sandbox.repositories.magento_tree import Tree
from sandbox.repositories.packer import history as packer_history
from sandbox.world import OTHERS, PREPROD_BACK, PREPROD_FRONT, PROD_BACK, PROD_FRONT, World

Name = Literal["magento", "beanstalk-config", "pim", "custom-connection", "mirakl-cashout", "packer"]
NAMES: tuple[Name, ...] = get_args(Name)
RELEASE_NUMBER = 417

__all__ = ["NAMES", "RELEASE_NUMBER", "Name", "Repositories", "prepare"]


@dataclass(frozen=True, slots=True)
class Repositories:
    root: Path  # holds client/magento.git, client/beanstalk-config.git and those of the smaller applications

    def path(self, name: Name) -> Path:
        return self.root / "client" / f"{name}.git"

    @property
    def deployed_commit(self) -> str:
        """The commit of Magento that is deployed everywhere when the sandbox starts."""
        return self._ref("magento", "refs/sandbox/deployed")

    @property
    def config_commit(self) -> str:
        """The commit of branch `prod` that it was deployed with."""
        return self._ref("beanstalk-config", "refs/sandbox/deployed")

    @property
    def label(self) -> str:
        """The version label of production's deployed release, as in `r417-1a2b3c4`."""
        return f"r{RELEASE_NUMBER}-{self.deployed_commit[:7]}"

    def label_of(self, stage: Stage) -> str:
        """Pre-production has a version of its own: another configuration makes another bundle, and a label names one bundle."""
        return self.label if stage == "prod" else f"{stage}-{self.label}"

    def head(self, name: Name, branch: str) -> str:
        """Raises CalledProcessError where there is no such branch."""
        return self._ref(name, f"refs/heads/{branch}")

    def bundle(self, *, stage: Stage = "prod") -> bytes:
        """The zip of the release that is deployed when the sandbox starts."""
        config = self.config_commit if stage == "prod" else self.head("beanstalk-config", "preprod")
        code = files_of(self.path("magento"), self.deployed_commit)
        return zipped(
            [
                *code,
                *(file for file in files_of(self.path("beanstalk-config"), config) if file[0].startswith((".ebextensions/", ".platform/"))),
            ]
        )

    def other_label(self, name: Name) -> str:
        """Of the release of a smaller application that is deployed when the sandbox starts, as in `pim-r12-1a2b3c4`."""
        return f"{name}-r{APPLICATIONS[name].number}-{self._ref(name, 'refs/sandbox/deployed')[:7]}"

    def labels(self) -> dict[str, str]:
        """Which version each Beanstalk environment begins with."""
        others = {environment: self.other_label(name) for environment, name in _others()}
        production = dict.fromkeys((PROD_FRONT, PROD_BACK), self.label_of("prod"))
        return production | dict.fromkeys((PREPROD_FRONT, PREPROD_BACK), self.label_of("preprod")) | others

    def bundles(self) -> dict[str, bytes]:
        """The zips of those versions, by their labels."""
        magento = {self.label_of(stage): self.bundle(stage=stage) for stage in get_args(Stage)}
        return magento | {self.other_label(name): self.other_bundle(name) for _, name in _others()}

    def other_bundle(self, name: Name) -> bytes:
        """Its code with its own directory of the configuration's master over it."""
        code = files_of(self.path(name), "refs/sandbox/deployed")
        configuration = files_of(self.path("beanstalk-config"), self.head("beanstalk-config", "master"), name)
        return zipped([*code, *((path.removeprefix(f"{name}/"), mode, content) for path, mode, content in configuration)])

    def commit(
        self,
        name: Name,
        branch: str,
        message: str,
        changes: Tree,
        *,
        at: datetime,
        author: str = SHOP,
    ) -> str:
        """Adds a commit as a push does, and answers its id."""
        writing = Writing()
        writing.add(Commit(branch, message, author, at, changes, f"refs/heads/{branch}^0"))
        writing.into(self.path(name))
        return self.head(name, branch)

    def rewrite(self, name: Name, branch: str) -> str:
        """Force-pushes the branch's newest commit away (its words are changed) and forgets it; answers the id that vanished."""
        repository = self.path(name)
        gone = self.head(name, branch)
        tree, parent = git(repository, "log", "-1", "--format=%T %P", gone).decode().split()
        author, email, when, message = git(repository, "log", "-1", "--format=%an%n%ae%n%at%n%B", gone).decode().split("\n", 3)
        settings = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (
                ("NAME", author),
                ("EMAIL", email),
                ("DATE", f"@{when} +0000"),
            )
        }
        argv = (
            "commit-tree",
            tree,
            "-p",
            parent,
            "-m",
            f"{message.strip()} (reworded)",
        )
        new = git(repository, *argv, settings=settings).decode().strip()
        git(repository, "update-ref", f"refs/heads/{branch}", new)
        git(repository, "-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now")
        return gone

    def _ref(self, name: Name, ref: str) -> str:
        return git(self.path(name), "rev-parse", "--verify", f"{ref}^{{commit}}").decode().strip()


def _others() -> list[tuple[str, Name]]:
    """Environments of the smaller applications, with their repositories."""
    return [(environment, name) for environment, other in OTHERS.items() for name in NAMES if name == other]


def prepare(world: World) -> Repositories:
    """All repositories below `world.data/repositories`, made where they are not there yet."""
    repositories = Repositories(world.data / "repositories")
    for name, history, deployed in (
        ("magento", magento_history(), DEPLOYED_MESSAGE),
        ("beanstalk-config", beanstalk_history(), ""),
        *((name, application_history(name), each.deployed) for name, each in APPLICATIONS.items()),
        ("packer", packer_history(), "HAProxy"),
    ):
        repository = repositories.root / "client" / f"{name}.git"
        if repository.exists():
            continue
        make_bare(repository)
        writing = Writing()
        for commit in history:
            writing.add(commit)
        writing.into(repository)
        found = (
            (
                "log",
                "-1",
                "--format=%H",
                f"--grep={deployed}",
                "--fixed-strings",
                "refs/heads/master",
            )
            if deployed
            else ("rev-parse", "refs/heads/prod")
        )
        git(
            repository,
            "update-ref",
            "refs/sandbox/deployed",
            git(repository, *found).decode().strip(),
        )
        git(repository, "config", "transfer.hideRefs", "refs/sandbox")
    return repositories
