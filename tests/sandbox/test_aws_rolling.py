"""A rolling deployment over the wire: what Beanstalk tells, and how it leaves the fresh."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import beanstalk, targets
from sandbox.aws.balancer import route
from sandbox.world import Fault
from tests.sandbox.conftest import LABEL, Estate, Outcome, serve, until

PROD, PREPROD = "client-magento-prod", "client-magento-preprod"
FE = ["i-08d2e6b41f09c7a53", "i-012e92fb498ad40d7", "i-0e5a90c37db14f826", "i-03b7f8d21ce6094ab"]
BROKEN = Outcome(
    1,
    "02_setup_upgrade",
    "40-magento.config",
    message="(TRUNCATED)...Table not found \ncontainer_command 02_setup_upgrade in .ebextensions/40-magento.config failed. "
    "For more detail, check /var/log/eb-activity.log using console or EB CLI.",
)


def batch(number: int, instance: str, of: int = 4) -> list[str]:
    return [
        f"Batch {number}: Starting application deployment on instance(s) [{instance}].",
        f"Batch {number}: De-registering instance(s) from the load balancer and waiting for them to go out of service.",
        f"Batch {number}: Starting application deployment command execution.",
        f"Batch {number}: Completed application deployment command execution.",
        f"Command execution completed on {number} of {of} instances in environment.",
        f"Batch {number}: Registering instance(s) with the load balancer and waiting for them to be healthy. ",
        f"Batch {number}: Completed application deployment.",
    ]


BEGIN = ["Environment update is starting.", "Deploying new version to instance(s)."]
TO_INFO = (
    "Environment health has transitioned from Ok to Info. Application update in progress on 1 instance. "
    "0 out of 4 instances completed (running for 21 seconds)."
)
END = ["New application version was deployed to running EC2 instances.", "Environment update completed successfully."]
MIXED = (
    "During an aborted deployment, some instances may have deployed the new application version. "
    "To ensure all instances are running the same version, re-deploy the appropriate application version."
)


def test_a_successful_update_tells_its_whole_story(fresh: Estate) -> None:
    fresh.make_version("r418-aaaaaaa")
    began = datetime.now(UTC)

    request_id = fresh.update(PROD, "r418-aaaaaaa")

    first = batch(1, FE[0])
    expected = [*BEGIN, *first[:2], TO_INFO, *first[2:], *batch(2, FE[1]), *batch(3, FE[2]), *batch(4, FE[3]), *END]
    expected.append("Environment health has transitioned from Info to Ok. Application update completed 79 seconds ago and took 16 minutes.")
    assert fresh.story(PROD, began) == [("INFO", message) for message in expected]
    told = fresh.beanstalk.describe_events(RequestId=request_id)["Events"]
    assert len(told) == len(expected) - 2, "transitions of health carry no request id"
    assert fresh.hosts.deployed == [(f"fe-{n}", "r418-aaaaaaa", 24, n == 1) for n in (1, 2, 3, 4)]
    described = fresh.beanstalk.describe_environments(EnvironmentNames=[PROD])["Environments"][0]
    assert (described["Status"], described["HealthStatus"], described["VersionLabel"]) == ("Ready", "Ok", "r418-aaaaaaa")
    deployments = fresh.beanstalk.describe_instances_health(EnvironmentName=PROD, AttributeNames=["Deployment"])["InstanceHealthList"]
    assert [(d["Deployment"]["VersionLabel"], d["Deployment"]["DeploymentId"], d["Deployment"]["Status"]) for d in deployments] == [
        ("r418-aaaaaaa", 24, "Deployed")
    ] * 4


def test_a_command_that_fails_on_host_2_leaves_mixed_versions(fresh: Estate) -> None:
    fresh.make_version("r418-bbbbbbb")
    fresh.hosts.outcomes["fe-2"] = BROKEN
    began = datetime.now(UTC)

    fresh.update(PROD, "r418-bbbbbbb")

    first, second = batch(1, FE[0]), batch(2, FE[1])
    happened = [("INFO", text) for text in [*BEGIN, *first[:2], TO_INFO, *first[2:], *second[:3]]]
    wrong = f'Incorrect application version found on 2 out of 4 instances. Expected version "{LABEL}" (deployment 23).'
    assert fresh.story(PROD, began) == [
        *happened,
        ("ERROR", f"[Instance: {FE[1]}] Command failed on instance. Return code: 1 Output: {BROKEN.message}"),
        ("INFO", "Command execution completed on all instances. Summary: [Successful: 0, Failed: 1]."),
        ("ERROR", f"Unsuccessful command execution on instance id(s) '{FE[1]}'. Aborting the operation."),
        ("ERROR", "Failed to deploy application."),
        ("ERROR", MIXED),
        ("WARN", f"Environment health has transitioned from Info to Degraded. {wrong}"),
    ]
    described = fresh.beanstalk.describe_environments(EnvironmentNames=[PROD])["Environments"][0]
    assert (described["Status"], described["Health"], described["VersionLabel"]) == ("Ready", "Red", LABEL)
    health = fresh.beanstalk.describe_instances_health(EnvironmentName=PROD, AttributeNames=["All"])["InstanceHealthList"]
    assert [d["Deployment"]["Status"] for d in health] == ["Deployed", "Failed", "Deployed", "Deployed"]
    assert health[0]["Causes"][0].startswith('Incorrect application version "r418-bbbbbbb" (deployment 24)')
    assert "container_command 02_setup_upgrade in .ebextensions/40-magento.config failed." in health[1]["Causes"][0]
    group = fresh.client("elbv2").describe_target_groups(Names=[PROD])["TargetGroups"][0]["TargetGroupArn"]
    targets = fresh.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [target["Target"]["Id"] for target in targets] == [FE[0], FE[2], FE[3]], "what failed is not attached again"

    fresh.update(PROD, "r418-bbbbbbb")

    described = fresh.beanstalk.describe_environments(EnvironmentNames=[PROD])["Environments"][0]
    assert (described["HealthStatus"], described["VersionLabel"]) == ("Ok", "r418-bbbbbbb"), "deploying again heals"


def test_amazon_linux_2_tells_a_failure_in_its_own_words(fresh: Estate) -> None:
    fresh.make_version("r418-ccccccc")
    fresh.hosts.outcomes["pp-fe-1"] = BROKEN
    began = datetime.now(UTC)

    fresh.update(PREPROD, "r418-ccccccc")

    told = [message for severity, message in fresh.story(PREPROD, began) if severity == "ERROR"]
    assert told[:2] == [
        "Instance deployment failed. For details, see 'eb-engine.log'.",
        "[Instance: i-0a7d34e5f8b26c190] Command failed on instance. Return code: 1 Output: Engine execution has encountered an error..",
    ]


def test_a_command_that_never_ends_is_told_as_a_time_out(fresh: Estate) -> None:
    fresh.make_version("r418-ddddddd")
    fresh.hosts.outcomes["pp-fe-1"] = Outcome(-1, timed_out=True)
    began = datetime.now(UTC)

    fresh.update(PREPROD, "r418-ddddddd")

    story = fresh.story(PREPROD, began)
    late = "The following instances have not responded in the allowed command timeout time"
    assert ("WARN", f"{late} (they might still finish eventually on their own): [i-0a7d34e5f8b26c190].") in story
    assert ("INFO", "Command execution completed on all instances. Summary: [Successful: 0, TimedOut: 1].") in story
    assert ("ERROR", "Failed to deploy application.") in story


def test_a_batch_that_does_not_become_healthy_stops_the_update(fresh: Estate) -> None:
    fresh.make_version("r418-eeeeeee")
    fresh.world.faults.add(Fault("not-healthy", "pp-fe-1"))
    began = datetime.now(UTC)

    fresh.update(PREPROD, "r418-eeeeeee")

    told = [message for severity, message in fresh.story(PREPROD, began) if severity == "ERROR"]
    unhealthy = "Instance id(s) 'i-0a7d34e5f8b26c190' did not pass health check after command execution. Aborting the operation."
    assert told == [unhealthy, "Failed to deploy application.", MIXED]


@pytest.mark.parametrize("status, healthy", [(503, False), (200, True)])
def test_a_batch_whose_visitors_get_errors_fails_its_checks(fresh: Estate, status: int, healthy: bool) -> None:
    """A maintenance flag that comes with the release: the health check says 200, the visitors' answers decide."""
    fresh.make_version("r418-4444444")
    fresh.hosts.statuses["pp-fe-1", "/"] = status
    began, over = datetime.now(UTC), threading.Event()

    def visit() -> None:
        while not over.wait(0.05):
            route(fresh.world, "preprod.client.url", "/", {}, "192.0.2.7")

    visitors = threading.Thread(target=visit)
    visitors.start()
    try:
        fresh.update(PREPROD, "r418-4444444")
    finally:
        over.set()
        visitors.join()

    told = [message for severity, message in fresh.story(PREPROD, began) if severity == "ERROR"]
    unhealthy = "Instance id(s) 'i-0a7d34e5f8b26c190' did not pass health check after command execution. Aborting the operation."
    assert (unhealthy in told) is not healthy
    label = fresh.beanstalk.describe_environments(EnvironmentNames=[PREPROD])["Environments"][0]["VersionLabel"]
    assert label == ("r418-4444444" if healthy else LABEL)


def test_an_abort_stops_after_the_batch_that_runs(fresh: Estate) -> None:
    fresh.make_version("r418-fffffff")
    fresh.world.clock.speed = 200
    began = datetime.now(UTC)
    fresh.beanstalk.update_environment(EnvironmentName=PROD, VersionLabel="r418-fffffff")
    until(lambda: len(fresh.hosts.deployed) == 2)

    fresh.beanstalk.abort_environment_update(EnvironmentName=PROD)

    assert fresh.beanstalk.describe_environments(EnvironmentNames=[PROD])["Environments"][0]["Status"] == "Aborting"
    until(lambda: fresh.is_settled(PROD))
    assert [name for name, *_ in fresh.hosts.deployed] == ["fe-1", "fe-2"]
    assert ("ERROR", MIXED) in fresh.story(PROD, began)
    described = fresh.beanstalk.describe_environments(EnvironmentNames=[PROD])["Environments"][0]
    assert (described["Status"], described["VersionLabel"], described["AbortableOperationInProgress"]) == ("Ready", LABEL, False)
    with pytest.raises(ClientError, match="Must be pending deployment"):
        fresh.beanstalk.abort_environment_update(EnvironmentName=PROD)


def test_while_an_update_runs_another_is_refused(fresh: Estate) -> None:
    fresh.make_version("r418-1111111")
    reply = fresh.beanstalk.update_environment(EnvironmentName=PREPROD, VersionLabel="r418-1111111")
    assert (reply["Status"], reply["Health"], reply["AbortableOperationInProgress"], reply["VersionLabel"]) == (
        "Updating",
        "Grey",
        True,
        "r418-1111111",
    )

    with pytest.raises(ClientError) as refused:
        fresh.beanstalk.update_environment(EnvironmentName=PREPROD, VersionLabel=LABEL)

    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert refused.value.response["Error"]["Message"] == (
        f"Environment named {PREPROD} is in an invalid state for this operation. Must be Ready."
    )
    until(lambda: fresh.is_settled(PREPROD))
    fresh.update(PREPROD, LABEL)
    assert fresh.hosts.deployed[-1][:2] == ("pp-fe-1", LABEL)


def test_someone_else_may_deploy(fresh: Estate) -> None:
    label = beanstalk.start_foreign_deployment(fresh.world, PREPROD)

    with pytest.raises(ClientError, match="Must be Ready"):
        fresh.beanstalk.update_environment(EnvironmentName=PREPROD, VersionLabel=LABEL)
    until(lambda: fresh.is_settled(PREPROD))
    assert fresh.beanstalk.describe_environments(EnvironmentNames=[PREPROD])["Environments"][0]["VersionLabel"] == label


def test_the_same_seed_tells_the_same_story(tmp_path: Path) -> None:
    stories = []
    for name in ("once", "again"):
        estate = serve(tmp_path / name, seed_=7)
        estate.make_version("r418-2222222")
        estate.hosts.outcomes["fe-3"] = BROKEN
        began = datetime.now(UTC)
        request_id = estate.update(PROD, "r418-2222222")
        groups = estate.client("elbv2").describe_target_groups()["TargetGroups"]
        stories.append((request_id, estate.story(PROD, began), [group["TargetGroupArn"] for group in groups]))
        estate.aws.stop()

    assert stories[0] == stories[1]


def test_front_and_back_office_may_be_updated_at_the_same_time(fresh: Estate) -> None:
    fresh.make_version("r418-3333333")
    threads = [threading.Thread(target=fresh.update, args=(name, "r418-3333333")) for name in (PREPROD, f"{PREPROD}-bo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    labels = {e["EnvironmentName"]: e["VersionLabel"] for e in fresh.beanstalk.describe_environments()["Environments"]}
    assert (labels[PREPROD], labels[f"{PREPROD}-bo"]) == ("r418-3333333", "r418-3333333")


def test_all_at_once_takes_nobody_out_and_waits_for_nobody(fresh: Estate) -> None:
    fresh.make_version("r418-ccccccc")
    command = {"Namespace": "aws:elasticbeanstalk:command", "OptionName": "DeploymentPolicy"}
    fresh.beanstalk.update_environment(EnvironmentName=PROD, OptionSettings=[command | {"Value": "AllAtOnce"}])
    until(lambda: fresh.is_settled(PROD))
    began = datetime.now(UTC)

    fresh.update(PROD, "r418-ccccccc")

    told = [message for _, message in fresh.story(PROD, began) if not message.startswith("Environment health")]
    assert told == [*BEGIN, "Command execution completed on 4 of 4 instances in environment.", *END]
    assert sorted(fresh.hosts.deployed) == [(f"fe-{n}", "r418-ccccccc", 24, n == 1) for n in (1, 2, 3, 4)]
    deployed = fresh.beanstalk.describe_environments(EnvironmentNames=[PROD])["Environments"][0]
    assert (deployed["Status"], deployed["VersionLabel"]) == ("Ready", "r418-ccccccc")


def test_a_host_drains_as_long_as_its_environment_says(fresh: Estate) -> None:
    fresh.make_version("r418-ddddddd")
    fresh.update(PREPROD, "r418-ddddddd")
    before = fresh.aws.ledger.environments[PREPROD].operation
    longer = {"Namespace": "aws:elasticbeanstalk:environment:process:default", "OptionName": "DeregistrationDelay", "Value": "60"}
    fresh.beanstalk.update_environment(EnvironmentName=PREPROD, OptionSettings=[longer])
    until(lambda: fresh.is_settled(PREPROD))
    elbv2 = fresh.client("elbv2")
    group = elbv2.describe_target_groups(Names=[PREPROD])["TargetGroups"][0]["TargetGroupArn"]
    told = {each["Key"]: each["Value"] for each in elbv2.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]}
    assert told["deregistration_delay.timeout_seconds"] == "60"

    fresh.update(PREPROD, LABEL)

    after = fresh.aws.ledger.environments[PREPROD].operation
    assert before is not None
    assert after is not None
    assert after.took - before.took == pytest.approx(40)


@pytest.mark.parametrize("policy, status", [("AllAtOnce", 502), ("Rolling", 200)])
def test_all_at_once_cuts_what_is_under_way(fresh: Estate, monkeypatch: pytest.MonkeyPatch, policy: str, status: int) -> None:
    """A rolling one lets it end first where the host drains for long enough."""
    fresh.make_version("r418-ccccccc")
    options = {
        "aws:elasticbeanstalk:command": {"DeploymentPolicy": policy},
        "aws:elasticbeanstalk:environment:process:default": {"DeregistrationDelay": "1800"},
    }
    settings = [
        {"Namespace": name, "OptionName": option, "Value": value} for name, each in options.items() for option, value in each.items()
    ]
    fresh.beanstalk.update_environment(EnvironmentName=PREPROD, OptionSettings=settings)
    until(lambda: fresh.is_settled(PREPROD))
    answer, came, ends = fresh.aws.answer, threading.Event(), threading.Event()

    def answering(*asked: Any) -> Any:
        came.set()
        assert ends.wait(20)
        return answer(*asked)

    def may_end() -> bool:
        """All hosts are deployed to, or the one that is to be drains."""
        host = fresh.world.host("pp-fe-1")
        return fresh.is_settled(PREPROD) if policy == "AllAtOnce" else fresh.aws.targets.look(PREPROD, host).state == targets.DRAINING

    monkeypatch.setattr(fresh.aws, "answer", answering)
    with ThreadPoolExecutor(1) as pool:
        visited = pool.submit(route, fresh.world, "preprod.client.url", "/", {}, "192.0.2.7")
        assert came.wait(5)
        fresh.beanstalk.update_environment(EnvironmentName=PREPROD, VersionLabel="r418-ccccccc")
        until(may_end)
        ends.set()
        assert visited.result(20)[0] == status
    until(lambda: fresh.is_settled(PREPROD))
