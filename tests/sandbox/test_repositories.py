from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from sandbox import repositories
from sandbox.repositories.git import git
from sandbox.world import PREPROD_BACK, PREPROD_FRONT, PROD_BACK, PROD_FRONT, make_world
from tests.sandbox.hosts_fixtures import Ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Repositories without hosts."""
    world = make_world(tmp_path / "data", speed=1, seed=1)
    return Ground(world, repositories.prepare(world))


def since_deployed(ground: Ground) -> list[str]:
    """Commits of master after the deployed one, newest first."""
    made = ground.repositories
    return git(made.path("magento"), "rev-list", f"{made.deployed_commit}..refs/heads/master").decode().split()


def files_of_commit(ground: Ground, commit: str) -> list[str]:
    return git(ground.repositories.path("magento"), "diff-tree", "--no-commit-id", "--name-only", "-r", commit).decode().split()


def test_the_same_commits_in_every_sandbox(ground: Ground, tmp_path: Path) -> None:
    again = repositories.prepare(make_world(tmp_path / "again", speed=1, seed=1))
    for branch in ("master", "develop"):
        assert again.head("magento", branch) == ground.repositories.head("magento", branch)
    for branch in ("prod", "preprod", "master"):
        assert again.head("beanstalk-config", branch) == ground.repositories.head("beanstalk-config", branch)
    assert again.deployed_commit == ground.repositories.deployed_commit
    assert again.label == f"r417-{again.deployed_commit[:7]}"


def test_preparing_twice_keeps_what_was_pushed_meanwhile(ground: Ground) -> None:
    pushed = ground.repositories.commit("magento", "master", "More", {"more.txt": b"more"}, at=ground.world.clock.now())
    assert repositories.prepare(ground.world).head("magento", "master") == pushed


def test_four_commits_wait_and_two_of_them_concern_the_database(ground: Ground) -> None:
    waiting = since_deployed(ground)
    assert len(waiting) == 4
    assert [commit for commit in waiting if "app/etc/config.php" in files_of_commit(ground, commit)]
    assert [commit for commit in waiting if any(path.endswith("db_schema.xml") for path in files_of_commit(ground, commit))]


def test_a_tree_like_magentos(ground: Ground) -> None:
    paths = git(ground.repositories.path("magento"), "ls-tree", "-r", "--name-only", "refs/heads/master").decode().split()
    assert 220 <= len(paths) <= 320
    wanted = {"composer.json", "app/etc/config.php", "bin/magento", "pub/index.php", "pub/health_check.php", "pub/static/.htaccess"}
    assert wanted | {"pub/.user.ini", ".user.ini", ".htaccess", "app/design/frontend/Client/dlm/theme.xml"} <= set(paths)
    assert not {"app/etc/env.php"} & set(paths)


def test_master_of_the_configuration_is_two_commits_ahead_and_holds_the_other_applications(ground: Ground) -> None:
    repository = ground.repositories.path("beanstalk-config")
    ahead = git(repository, "rev-list", "refs/heads/prod..refs/heads/master", "--", ".ebextensions").decode().split()
    assert len(ahead) == 2
    folders = git(repository, "ls-tree", "-d", "--name-only", "refs/heads/master").decode().split()
    assert {"pim", "custom-connection", "mirakl-cashout"} <= set(folders)
    assert "pim" not in git(repository, "ls-tree", "--name-only", "refs/heads/prod").decode().split()


def test_the_bundle_is_merged_edited_and_the_same_each_time(ground: Ground) -> None:
    bundle = ground.repositories.bundle()
    assert bundle == ground.repositories.bundle()
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        names = archive.namelist()
        assert ".ebextensions/40-magento.config" in names
        assert not [name for name in names if name.startswith(".git/")]
        assert b"memory_limit = 2048M" in archive.read("pub/.user.ini")
        assert b"preprod.client.url" not in archive.read(".htaccess")
        assert archive.getinfo("bin/magento").external_attr >> 16 & 0o111


def test_what_preproduction_begins_with_unmounts_the_shares_as_its_own_platform_does(ground: Ground) -> None:
    """Deployed again with production's bundle it would lose what is on the shares."""
    labels, bundles = ground.repositories.labels(), ground.repositories.bundles()
    for environments, hook in (
        ((PREPROD_FRONT, PREPROD_BACK), ".platform/hooks/predeploy/00_umount_nfs.sh"),
        ((PROD_FRONT, PROD_BACK), ".ebextensions/10-nfs.config"),
    ):
        for environment in environments:
            with zipfile.ZipFile(io.BytesIO(bundles[labels[environment]])) as archive:
                assert hook in archive.namelist()


def test_a_commit_can_be_pushed(ground: Ground) -> None:
    before = ground.repositories.head("magento", "master")
    new = ground.repositories.commit("magento", "master", "Hello", {"hello.txt": b"hello\n"}, at=ground.world.clock.now())
    repository = ground.repositories.path("magento")
    assert git(repository, "rev-parse", f"{new}^").decode().strip() == before
    assert git(repository, "show", f"{new}:hello.txt") == b"hello\n"


def test_a_commit_can_vanish(ground: Ground) -> None:
    gone = ground.repositories.rewrite("magento", "master")
    assert ground.repositories.head("magento", "master") != gone
    with pytest.raises(subprocess.CalledProcessError):
        git(ground.repositories.path("magento"), "cat-file", "-e", gone)
    assert len(since_deployed(ground)) == 4


def test_an_unknown_branch_is_an_error(ground: Ground) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        ground.repositories.head("magento", "nosuch")
