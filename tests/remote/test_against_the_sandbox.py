"""`remote` over the wires of the played estate: Beanstalk as AWS behaves, hosts by each name of the ssh_config, the shop by the proxy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remote.aws import balancer, beanstalk, compute, identity, storage
from remote.errors import AlreadyExists, Busy, HostKeyRefused, NotFound, Refused
from remote.git.mirror import Mirror
from remote.http import fetch
from remote.ssh.client import Door
from remote.ssh.runner import Key, Runner

APPLICATION, PREPROD = "client-magento", "client-magento-preprod"
BUCKET = "elasticbeanstalk-eu-west-3-123456789012"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("sandbox")
    data = folder / "data"
    with (folder / "output").open("w") as output:
        process = subprocess.Popen([sys.executable, "-m", "sandbox", "--data", str(data), "--speed", "400"], stdout=output, stderr=output)
    try:
        wait_for(lambda: (data / "ready.json").exists() or process.poll() is not None, 60)
        assert process.poll() is None, (folder / "output").read_text()
        yield json.loads((data / "ready.json").read_text())
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(autouse=True)
def leads_to_the_sandbox(sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": sandbox["aws_endpoint"],
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTP_PROXY": sandbox["proxy"],
        "HTTPS_PROXY": sandbox["proxy"],
        "NO_PROXY": "127.0.0.1,localhost",
        "SSL_CERT_FILE": sandbox["ca_file"],
        "SSH_CONFIG": sandbox["ssh_config"],
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


def wait_for(condition: Callable[[], object], seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def is_ready() -> bool:
    return beanstalk.environment(PREPROD).is_ready


def test_the_environments_and_their_hosts() -> None:
    assert identity.who_am_i().account == "123456789012"
    environments = {each.name: each for each in beanstalk.environments(APPLICATION)}
    assert {"client-magento-prod", "client-magento-prod-bo", PREPROD} <= set(environments)
    prod = environments["client-magento-prod"]
    assert prod.version.startswith("r417-")
    assert prod.updated is not None
    assert prod.updated.tzinfo is not None
    with pytest.raises(NotFound, match="no-such"):
        beanstalk.environment("no-such")

    instances = compute.instances({"tag:elasticbeanstalk:environment-name": ["client-magento-prod"], "instance-state-name": ["running"]})
    assert [each.name for each in instances] == ["fe-1", "fe-2", "fe-3", "fe-4"]
    health = beanstalk.instance_health("client-magento-prod")
    assert {each.instance_id for each in health} == {each.id for each in instances}
    assert {each.version for each in health} == {prod.version}
    assert beanstalk.environment_health("client-magento-prod").color == "Green"
    assert beanstalk.option_settings(APPLICATION, PREPROD)["aws:elasticbeanstalk:command", "DeploymentPolicy"] == "Rolling"

    balancers = [each for each in balancer.load_balancers() if each.name == "client-magento-alb"]
    targets = [target for group in balancer.target_groups(balancers[0].arn) for target in balancer.target_health(group.arn)]
    assert {each.id for each in instances} <= {target.instance_id for target in targets if target.state == "healthy"}


def test_a_version_is_deployed_once_and_others_are_told_that_it_is_busy(tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    old = beanstalk.environment(PREPROD).version
    source = beanstalk.version(APPLICATION, old)
    assert source is not None
    (tmp_path / "bundle.zip").write_bytes(storage.get(source.bucket, source.key))
    put = storage.put(BUCKET, "bundles/again.zip", tmp_path / "bundle.zip", "ab" * 32)
    assert put.sha256 == "ab" * 32

    created = beanstalk.create_version(APPLICATION, "r900-0000000", BUCKET, "bundles/again.zip", "again")
    assert (created.label, created.bucket, created.key) == ("r900-0000000", BUCKET, "bundles/again.zip")
    assert beanstalk.version(APPLICATION, "r900-0000000") is not None
    assert beanstalk.version(APPLICATION, "r901-0000000") is None
    with pytest.raises(AlreadyExists):
        beanstalk.create_version(APPLICATION, "r900-0000000", BUCKET, "bundles/again.zip")

    with pytest.raises(NotFound, match="r901"):
        beanstalk.update(PREPROD, "r901-0000000")
    with pytest.raises(Refused, match="Must be pending deployment"):
        beanstalk.abort(PREPROD)
    answer = beanstalk.update(PREPROD, "r900-0000000", "run 41")
    assert (answer.version, answer.status) == ("r900-0000000", "Updating")
    with pytest.raises(Busy, match="Must be Ready"):
        beanstalk.update(PREPROD, old)
    wait_for(is_ready)

    events = beanstalk.events(APPLICATION, began, PREPROD)
    assert [each.at for each in events] == sorted(each.at for each in events)
    assert len(set(events)) == len(events)
    messages = [each.message for each in events]
    assert messages.index("Environment update is starting.") < messages.index("Environment update completed successfully.")
    ours = {
        each.request_id
        for each in events
        if each.message in ("Environment update is starting.", "Environment update completed successfully.")
    }
    assert len(ours) == 1
    (health,) = beanstalk.instance_health(PREPROD)
    assert (health.version, health.deployment_status) == ("r900-0000000", "Deployed")

    beanstalk.request_logs(PREPROD)
    wait_for(lambda: beanstalk.retrieve_logs(PREPROD))
    (log,) = beanstalk.retrieve_logs(PREPROD)
    assert log.instance_id == health.instance_id
    assert fetch(log.url).status == 200


@pytest.mark.parametrize("name", ["fe-2", "i-012e92fb498ad40d7", "10.0.102.37"])
def test_a_host_answers_to_each_of_its_names(door: Door, name: str) -> None:
    status = door.run(name, ["php", "/var/app/current/bin/magento", "maintenance:status"])
    assert (status.rc, "maintenance mode is not active" in status.text) == (0, True)


def test_the_runner_on_a_played_host(door: Door) -> None:
    runner, key = Runner(door), Key("41", f"status.{os.getpid()}")
    runner.install("fe-1")
    runner.ensure("fe-1")
    assert runner.start("fe-1", key, ["php", "/var/app/current/bin/magento", "maintenance:status"], epoch=1).kind == "started"
    assert b"maintenance mode is not active" in b"".join(runner.follow("fe-1", key, offset=0, seconds=20))
    assert runner.status("fe-1", key).rc == 0
    long = Key("41", f"sleep.{os.getpid()}")
    runner.start("fe-1", long, ["sleep", "60"], epoch=1)
    assert runner.cancel("fe-1", long, grace=1).left == ()


def test_the_shop_by_the_proxy_with_its_certificate() -> None:
    answer = fetch("https://www.client.url/", deadline=10)
    assert answer.status == 200
    assert "html" in answer.headers["content-type"]


@pytest.mark.parametrize("has_ssh", [True, False])
def test_git_reaches_the_repositories_with_the_stock_client_and_without_one(
    sandbox: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_ssh: bool
) -> None:
    found = shutil.which("ssh")
    if has_ssh and found is None:
        pytest.skip("no ssh on this machine")
    monkeypatch.setattr(shutil, "which", lambda name: found if has_ssh else None)
    mirror = Mirror(tmp_path / "magento.git", "git@bitbucket.org:client/magento.git", Path(sandbox["ssh_config"]), deadline=30)
    head = mirror.heads("master")["master"]
    mirror.fetch(["master"])
    assert mirror.has(head)
    assert mirror.git.environment()["GIT_SSH_VARIANT"] == ("ssh" if has_ssh else "simple")


def test_git_without_a_stock_client_refuses_a_host_whose_key_is_not_pinned(
    sandbox: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (tmp_path / "nobody").write_text("")
    config = tmp_path / "ssh_config"
    config.write_text(Path(sandbox["ssh_config"]).read_text().replace(sandbox["known_hosts"], str(tmp_path / "nobody")))
    with pytest.raises(HostKeyRefused):
        Mirror(tmp_path / "magento.git", "git@bitbucket.org:client/magento.git", config, deadline=30).heads("master")
