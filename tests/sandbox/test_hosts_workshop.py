"""The build host: what is packed and published there, and what the new code is told about a database that it may only read."""

from __future__ import annotations

import shutil

import pytest

from sandbox.hosts import magento
from sandbox.hosts.play import Play
from sandbox.hosts.played import play
from sandbox.world import BUILD, Fault, Host
from tests.sandbox.hosts_fixtures import Ground, ground

__all__ = ["ground"]

TREE = "/var/opsconsole/build/x"


def called(ground: Ground, name: str, *argv: str) -> tuple[int, str]:
    said: list[str] = []
    host = ground.world.host(name)
    code = play(Play(ground.world, host, argv, host.root, said.append, said.append, lambda: False))
    return code, "".join(said)


@pytest.fixture
def build(ground: Ground) -> Host:
    """With the deployed release unpacked on it, and nothing of production's env.php."""
    host = ground.world.machines[BUILD]
    shutil.copytree(ground.host("fe-1").app, host.root / TREE.lstrip("/"), ignore=shutil.ignore_patterns("env.php"))
    return host


def asked(ground: Ground, host: Host, command: str) -> tuple[int, str]:
    said: list[str] = []
    return magento.run(ground.world, host, host.root / TREE.lstrip("/"), [command], said.append), "".join(said)


def test_the_new_code_asks_the_database_that_its_env_php_names(ground: Ground, build: Host) -> None:
    assert asked(ground, build, "setup:db:status")[0] == 1, "without an env.php it is not installed"
    there = build.root / TREE.lstrip("/") / "app/etc/env.php"
    shutil.copyfile(build.root / "etc/opsconsole/magento-production.php", there)
    assert asked(ground, build, "setup:db:status") == (0, "All modules are up to date.\n")
    assert asked(ground, build, "app:config:status") == (0, "Config files are up to date.\n")
    code, said = asked(ground, build, "setup:upgrade")
    assert code == 1
    assert "command denied" in said
    assert not [deed for deed in ground.world.deeds.after(0) if "cache" in deed.what]
    shutil.copyfile(ground.host("fe-1").app / "app/etc/env.php", there)
    asked(ground, build, "setup:db:status")
    assert [deed.target for deed in ground.world.deeds.after(0) if "cache" in deed.what] == ["build"]


def test_an_answer_can_be_wrong(ground: Ground, build: Host) -> None:
    shutil.copyfile(build.root / "etc/opsconsole/magento-production.php", build.root / TREE.lstrip("/") / "app/etc/env.php")
    ground.world.faults.add(Fault("status-lies", "build", 1, {"says": "needed"}))
    assert asked(ground, build, "setup:db:status")[0] == 2
    assert asked(ground, build, "setup:db:status")[0] == 0


def test_statics_are_added_and_nothing_is_deleted(ground: Ground) -> None:
    host = ground.host("be")
    source, target = host.root / "srv/here/new", host.app / "pub/static"
    (source / "frontend/Client/dlm/fr_FR/css").mkdir(parents=True)
    (source / "frontend/Client/dlm/fr_FR/css/styles-m.css").write_text("new")
    for name in ("deployed_version.txt", ".htaccess"):
        (source / name).write_text("never")
    before = {path.relative_to(target) for path in target.rglob("*")}
    code, _ = called(
        ground,
        "be",
        "rsync",
        "-rlt",
        "--exclude=deployed_version.txt",
        "--exclude=.htaccess",
        "/srv/here/new/",
        "/var/app/current/pub/static/",
    )
    assert code == 0
    assert (target / "frontend/Client/dlm/fr_FR/css/styles-m.css").read_text() == "new"
    assert "never" not in (target / ".htaccess").read_text() + (target / "deployed_version.txt").read_text()
    assert before <= {path.relative_to(target) for path in target.rglob("*")}


def test_what_is_packed_comes_out_again_without_what_was_excluded(ground: Ground, build: Host) -> None:
    folder = build.root / TREE.lstrip("/")
    (folder / "app/etc/env.php").write_text("a secret")
    (build.root / "srv/here").mkdir(parents=True)
    assert called(ground, "build", "bsdtar", "-a", "-c", "-f", "/srv/here/x.zip", "--exclude", "./app/etc/env.php", "-C", TREE, ".")[0] == 0
    assert called(ground, "build", "bsdtar", "-x", "-f", "/srv/here/x.zip", "-C", "/srv/here/out")[0] == 0
    out = build.root / "srv/here/out"
    assert (out / "bin/magento").exists()
    assert not (out / "app/etc/env.php").exists()
    code, said = called(ground, "build", "bsdtar", "-x", "-f", "/srv/here/none.zip", "-C", "/srv/here/out")
    assert code == 1
    assert str(build.root) not in said


def test_cron_is_stopped_and_started(ground: Ground) -> None:
    assert called(ground, "be", "service", "crond", "status")[0] == 0
    assert called(ground, "be", "service", "crond", "stop")[0] == 0
    assert called(ground, "be", "service", "crond", "status")[0] == 3
    called(ground, "be", "service", "crond", "start")
    assert called(ground, "be", "service", "crond", "status")[0] == 0
    ground.world.faults.add(Fault("work-in-flight", "be", -1, {"command": "indexer:reindex"}))
    assert called(ground, "be", "pgrep", "-fa", "[b]in/magento") == (0, "4712 php /var/app/current/bin/magento indexer:reindex\n")
    assert called(ground, "be", "pgrep", "-f", "[b]in/magento cron:run")[0] == 1


def test_composer_wants_a_composer_json(ground: Ground, build: Host) -> None:
    assert called(ground, "build", "composer", "install", "--no-dev", f"--working-dir={TREE}")[0] == 0
    assert called(ground, "build", "composer", "install", "--working-dir=/srv/here")[0] == 1
