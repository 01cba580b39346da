from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from sandbox.hosts import agent, database, releases, shares, site
from sandbox.repositories.bundle import zipped
from sandbox.repositories.git import files_of
from sandbox.world import Fault
from tests.sandbox.hosts_fixtures import Ground, ground

__all__ = ["ground"]

ACTIVITY = re.compile(r"^\[(\S+)\]\s+(\w+)\s+\[(\d+)\]\s+-\s+\[(.+?)\] : (.*)$")


def deploy(ground: Ground, host: str = "fe-1", *, bundle: bytes = b"", leader: bool = True) -> agent.Outcome:
    stage = "preprod" if host.startswith("pp-") else "prod"
    content = bundle or ground.repositories.bundle(stage="preprod" if stage == "preprod" else "prod")
    return agent.deploy(ground.world, ground.host(host), content, label="r418-abcdef0", deployment_id=24, leader=leader)


def without(bundle: bytes, *names: str, **changed: bytes) -> bytes:
    """The bundle without some files."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            if entry.filename not in names:
                new.writestr(entry, changed.get(entry.filename, old.read(entry)))
    return out.getvalue()


def activities(ground: Ground, host: str = "fe-1") -> list[tuple[str, str]]:
    """Path below the root and message of each activity of this deployment."""
    text = (ground.host(host).root / "var/log/eb-activity.log").read_text()
    found = [match for line in text.splitlines() if (match := ACTIVITY.match(line)) and "@24" in match[4]]
    return [(match[4].partition("@24")[2], match[5]) for match in found]


def test_a_deployment_replaces_the_release_and_loses_the_flag(ground: Ground) -> None:
    host = ground.host()
    ground.magento("maintenance:enable")
    (host.app / "left.txt").write_text("of the old release")
    assert deploy(ground).returncode == 0
    assert releases.deployed_label(host) == "r418-abcdef0"
    assert not (host.app / "left.txt").exists()
    assert not (host.app / "var/.maintenance.flag").exists()
    assert not (host.root / "var/app/ondeck").exists()
    assert not (host.root / "var/app/current.old").exists()
    assert site.answer(ground.world, host, "/", {}).status == 200


def test_the_shares_survive_where_they_are_unmounted_before_the_flip(ground: Ground) -> None:
    before = [share_files(ground, export) for export in shares.SHARES]
    deploy(ground)
    assert [share_files(ground, export) for export in shares.SHARES] == before
    assert set(shares.mounted(ground.host())) == set(shares.SHARES.values())


def test_a_share_that_is_still_mounted_at_the_flip_is_emptied(ground: Ground) -> None:
    bundle = without(ground.repositories.bundle(), ".ebextensions/10-nfs.config")
    assert share_files(ground, "client-media") > 0
    assert deploy(ground, bundle=bundle).returncode == 0
    assert [share_files(ground, export) for export in shares.SHARES] == [0, 0, 0, 0]
    assert shares.mounted(ground.host()) == {}


def share_files(ground: Ground, export: str) -> int:
    return sum(1 for path in shares.share(ground.world, "prod", export).rglob("*") if path.is_file())


def test_the_activity_log_is_a_tree_that_ends_with_success(ground: Ground) -> None:
    deploy(ground)
    told = activities(ground)
    assert told[0] == ("", "Starting activity...")
    assert told[-1] == ("", "Completed activity. Result:")
    started = [path for path, message in told if message == "Starting activity..."]
    ended = [path for path, message in told if message.startswith("Completed activity.")]
    assert sorted(started) == sorted(ended)
    order = [path.rsplit("/", 1)[1] for path in started if "/" in path]
    wanted = ["DownloadSourceBundle", "01_unzip.sh", "Command 02_setup_upgrade", "00_umount_nfs.sh", "01_flip.sh", "02_mount_nfs.sh"]
    assert [name for name in order if name in wanted] == wanted


def test_only_the_leader_upgrades_the_database(ground: Ground) -> None:
    deploy(ground, "fe-2", leader=False)
    paths = [path for path, _ in activities(ground, "fe-2")]
    assert not [path for path in paths if "02_setup_upgrade" in path]
    assert [path for path in paths if "03_di_compile" in path]


def test_a_failing_command_leaves_the_old_release_and_tells_why_in_the_leaf(ground: Ground) -> None:
    ground.world.faults.add(Fault("command-fails", "fe-2", options={"command": "03_di_compile"}))
    before = releases.deployed_label(ground.host("fe-2"))
    outcome = deploy(ground, "fe-2", leader=False)
    assert (outcome.returncode, outcome.failed_command, outcome.failed_file) == (1, "03_di_compile", "40-magento.config")
    assert "Errors during compilation:" in outcome.output
    assert outcome.message.endswith(
        "container_command 03_di_compile in .ebextensions/40-magento.config failed."
        " For more detail, check /var/log/eb-activity.log using console or EB CLI."
    )
    assert releases.deployed_label(ground.host("fe-2")) == before
    assert (ground.host("fe-2").root / "var/app/ondeck/composer.json").exists()
    failed = [(path, message) for path, message in activities(ground, "fe-2") if "failed" in message]
    assert failed[0][0].endswith("/Command 03_di_compile")
    assert failed[0][1].startswith("Activity execution failed, because: Compilation was started.")
    assert {message for _, message in failed[1:]} == {"Activity failed."}
    log = (ground.host("fe-2").root / "var/log/eb-activity.log").read_text()
    assert "(ElasticBeanstalk::ExternalInvocationError)\ncaused by: " in log
    assert log.rstrip().endswith("Application update - Command CMD-AppDeploy failed")
    assert deploy(ground, "fe-2", leader=False).returncode == 0


def test_a_fault_without_a_command_strikes_the_upgrade_on_the_leader(ground: Ground) -> None:
    ground.world.faults.add(Fault("command-fails", "fe-1"))
    outcome = deploy(ground)
    assert outcome.failed_command == "02_setup_upgrade"
    assert "SQLSTATE[42S21]" in outcome.output


def test_a_fault_of_another_host_does_not_strike(ground: Ground) -> None:
    ground.world.faults.add(Fault("command-fails", "fe-3"))
    assert deploy(ground).returncode == 0


def test_a_command_that_never_ends(ground: Ground) -> None:
    ground.world.faults.add(Fault("command-timeout", "fe-1", options={"command": "03_di_compile"}))
    before = ground.world.clock.slept()
    outcome = deploy(ground)
    assert outcome.timed_out
    assert outcome.failed_command == "03_di_compile"
    assert ground.world.clock.slept() - before > 840


def test_a_full_disk_stops_unpacking(ground: Ground) -> None:
    ground.world.faults.add(Fault("disk-full", "fe-1", -1))
    outcome = deploy(ground)
    assert outcome.returncode == 50
    assert outcome.failed_command == "/opt/elasticbeanstalk/hooks/appdeploy/pre/01_unzip.sh"
    assert "write error (disk full?)" in outcome.message


@pytest.mark.parametrize("content", [b"container_commands: [", b"- a list\n"])
def test_a_configuration_file_that_is_no_yaml(ground: Ground, content: bytes) -> None:
    bundle = without(ground.repositories.bundle(), **{".ebextensions/40-magento.config": content})
    outcome = deploy(ground, bundle=bundle)
    assert outcome.returncode == 1
    assert "40-magento.config contains invalid YAML" in outcome.output


def test_something_that_is_no_zip(ground: Ground) -> None:
    assert deploy(ground, bundle=b"no zip").returncode == 1


def test_amazon_linux_2_tells_it_in_another_log(ground: Ground) -> None:
    host = ground.host("pp-fe-1")
    assert deploy(ground, "pp-fe-1").returncode == 0
    log = (host.root / "var/log/eb-engine.log").read_text()
    assert "[INFO] Executing instruction: FlipApplication" in log
    assert "Instance deployment completed successfully." in log
    assert not (host.root / "var/log/eb-activity.log").exists()
    assert set(shares.mounted(host)) == set(shares.SHARES.values())
    assert site.answer(ground.world, host, "/", {}).status == 200


def test_amazon_linux_2_hides_the_reason_in_cfn_init(ground: Ground) -> None:
    ground.world.faults.add(Fault("command-fails", "pp-fe-1"))
    outcome = deploy(ground, "pp-fe-1")
    assert outcome.failed_command == "02_setup_upgrade"
    logs = ground.host("pp-fe-1").root / "var/log"
    engine = (logs / "eb-engine.log").read_text()
    assert "[PostBuildEbExtension]. Stop running the command. Error: Container commands build failed." in engine
    assert "SQLSTATE" not in engine
    assert "SQLSTATE[42S21]" in (logs / "cfn-init-cmd.log").read_text()


def test_a_new_release_upgrades_the_database_of_its_own_environment(ground: Ground) -> None:
    made = ground.repositories
    config = files_of(made.path("beanstalk-config"), made.head("beanstalk-config", "prod"), ".ebextensions")
    bundle = zipped([*files_of(made.path("magento"), made.head("magento", "master")), *config])
    deploy(ground, bundle=bundle)
    known = database.of_database(ground.world, ground.host())
    assert known is not None
    assert known.modules["Client_StoreLocator"] == "1.0.0"
    assert site.answer(ground.world, ground.host("fe-1"), "/", {}).status == 200
    assert site.answer(ground.world, ground.host("fe-2"), "/", {}).status == 500
    assert site.answer(ground.world, ground.host("pp-fe-1"), "/", {}).status == 200


def test_the_tail_of_all_logs(ground: Ground) -> None:
    deploy(ground)
    text = agent.tail(ground.world, ground.host())
    assert f"{'-' * 37}\n/var/log/eb-activity.log\n{'-' * 37}\n" in text
    assert "CMD-AppDeploy succeeded" in text


def test_no_path_of_this_machine_is_in_a_log(ground: Ground, tmp_path: Path) -> None:
    deploy(ground)
    assert str(tmp_path) not in agent.tail(ground.world, ground.host(), 5000)
