"""What may be asked of the played AWS, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments.strategies import commands
from sandbox.hosts.play import Play
from sandbox.hosts.played import play
from sandbox.world import BUILD, OTHERS, Fault
from tests.sandbox.conftest import LABEL, Estate, refused, until

APPLICATION, PROD, PREPROD = "client-magento", "client-magento-prod", "client-magento-preprod"
BUCKET = "elasticbeanstalk-eu-west-3-123456789012"
AWS = (sys.executable, str(Path(sys.executable).with_name("aws")))  # the stock command line tool


# Looking.


def test_environments_are_found_by_name_id_and_label(estate: Estate) -> None:
    everything = estate.beanstalk.describe_environments(ApplicationName=APPLICATION)["Environments"]
    assert [e["EnvironmentName"] for e in everything] == [PROD, f"{PROD}-bo", PREPROD, f"{PREPROD}-bo", *OTHERS]
    until(lambda: _lights(estate) == {("Ready", "Green", "Ok", LABEL)})  # Info for a while after what another test did
    by_id = estate.beanstalk.describe_environments(EnvironmentIds=[everything[2]["EnvironmentId"]])["Environments"]
    assert [e["EnvironmentName"] for e in by_id] == [PREPROD]
    assert estate.beanstalk.describe_environments(VersionLabel="r1-0000000")["Environments"] == []


def _lights(estate: Estate) -> set[tuple[str, ...]]:
    environments = estate.beanstalk.describe_environments(ApplicationName=APPLICATION)["Environments"]
    return {(each["Status"], each["Health"], each["HealthStatus"], each["VersionLabel"]) for each in environments}


def test_environments_come_in_pages(estate: Estate) -> None:
    first = estate.beanstalk.describe_environments(MaxRecords=6)
    second = estate.beanstalk.describe_environments(MaxRecords=6, NextToken=first["NextToken"])
    assert len(first["Environments"]) == 6
    assert [e["EnvironmentName"] for e in second["Environments"]] == [list(OTHERS)[-1]]
    assert "NextToken" not in second


def test_events_come_newest_first_and_can_be_narrowed(estate: Estate) -> None:
    newest = estate.beanstalk.describe_events(EnvironmentName=PROD, MaxRecords=2)
    dates = [event["EventDate"] for event in newest["Events"]]
    assert dates == sorted(dates, reverse=True)
    assert newest["NextToken"]
    since = estate.beanstalk.describe_events(EnvironmentName=PROD, StartTime=dates[1])["Events"]
    before = estate.beanstalk.describe_events(EnvironmentName=PROD, EndTime=dates[1])["Events"]
    assert dates[1] in {event["EventDate"] for event in since}, "the start is inclusive"
    assert dates[1] not in {event["EventDate"] for event in before}, "the end is not"
    assert estate.beanstalk.describe_events(EnvironmentName=PROD, Severity="ERROR")["Events"] == []


def test_resources_name_instances_and_the_load_balancer(estate: Estate) -> None:
    resources = estate.beanstalk.describe_environment_resources(EnvironmentName=PROD)["EnvironmentResources"]
    assert [i["Id"] for i in resources["Instances"]] == [host.instance_id for host in estate.world.hosts_of(PROD)]
    assert ":loadbalancer/app/client-magento-alb/" in resources["LoadBalancers"][0]["Name"]


def test_instances_have_the_documents_ids_addresses_and_tags(estate: Estate) -> None:
    tagged = [{"Name": "tag:elasticbeanstalk:environment-name", "Values": [PROD]}]
    reservations = estate.client("ec2").describe_instances(Filters=tagged)["Reservations"]
    found = {i["InstanceId"]: i["PrivateIpAddress"] for r in reservations for i in r["Instances"]}
    assert found == {host.instance_id: host.private_ip for host in estate.world.hosts_of(PROD)}


def test_health_counts_instances_and_shows_only_what_is_asked(estate: Estate) -> None:
    health = estate.beanstalk.describe_environment_health(EnvironmentName=PROD, AttributeNames=["All"])
    assert (health["Status"], health["Color"], health["InstancesHealth"]["Ok"]) == ("Ready", "Green", 4)
    only = estate.beanstalk.describe_environment_health(EnvironmentName=PROD)
    assert set(only) == {"EnvironmentName", "ResponseMetadata"}


def test_settings_are_those_of_the_document(estate: Estate) -> None:
    described = estate.beanstalk.describe_configuration_settings(ApplicationName=APPLICATION, EnvironmentName=PROD)
    (entry,) = described["ConfigurationSettings"]
    options = {(o["Namespace"], o["OptionName"]): o["Value"] for o in entry["OptionSettings"]}
    assert options["aws:elasticbeanstalk:command", "DeploymentPolicy"] == "Rolling"
    assert options["aws:elasticbeanstalk:command", "BatchSize"] == "1"
    assert entry["DeploymentStatus"] == "deployed"


def test_the_caller_is_one_user_of_the_account(estate: Estate) -> None:
    assert estate.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/ops-console"


def test_a_day_of_figures_is_there_from_the_start(estate: Estate) -> None:
    metric = {"Namespace": "AWS/ElasticBeanstalk", "MetricName": "EnvironmentHealth"}
    metric["Dimensions"] = [{"Name": "EnvironmentName", "Value": PROD}]  # type: ignore[assignment]
    now = datetime.now(UTC)
    query = {"Id": "health", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}
    answer = estate.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(hours=24), EndTime=now + timedelta(minutes=1)
    )
    (series,) = answer["MetricDataResults"]
    assert len(series["Values"]) >= 285
    assert series["Timestamps"] == sorted(series["Timestamps"], reverse=True)


# Refusals, each with its accepted twin near by.


@pytest.mark.parametrize(
    "call, arguments, message",
    [
        ("update_environment", {"EnvironmentName": "nope", "VersionLabel": LABEL}, "No Environment found for EnvironmentName = 'nope'."),
        ("update_environment", {"EnvironmentName": PROD, "VersionLabel": "r9-x"}, "No Application Version named 'r9-x' found."),
        ("abort_environment_update", {"EnvironmentName": "nope"}, "No Environment found for EnvironmentName = 'nope'."),
        (
            "abort_environment_update",
            {"EnvironmentName": PROD},
            f"Environment named {PROD} is in an invalid state for this operation. Must be pending deployment.",
        ),
        ("describe_configuration_settings", {"ApplicationName": "x", "EnvironmentName": PROD}, "No Application named 'x' found."),
        (
            "create_application_version",
            {"ApplicationName": APPLICATION, "VersionLabel": LABEL, "SourceBundle": {"S3Bucket": BUCKET, "S3Key": "k"}},
            f"Application Version {LABEL} already exists.",
        ),
        (
            "create_application_version",
            {"ApplicationName": APPLICATION, "VersionLabel": "r9-y", "SourceBundle": {"S3Bucket": BUCKET, "S3Key": "gone"}},
            f"Unable to download from S3 location (Bucket: {BUCKET}  Key: gone). Reason: Not Found",
        ),
    ],
)
def test_beanstalk_refuses_in_its_own_words(estate: Estate, call: str, arguments: dict[str, Any], message: str) -> None:
    assert refused(getattr(estate.beanstalk, call), **arguments) == (400, "InvalidParameterValue", message)


def test_a_version_is_made_of_an_object_that_is_there(estate: Estate) -> None:
    began = datetime.now(UTC)
    estate.make_version("r9-accepted")
    (version,) = estate.beanstalk.describe_application_versions(ApplicationName=APPLICATION, VersionLabels=["r9-accepted"])[
        "ApplicationVersions"
    ]
    assert version["SourceBundle"] == {"S3Bucket": BUCKET, "S3Key": "test/r9-accepted.zip"}
    told = estate.beanstalk.describe_events(VersionLabel="r9-accepted", StartTime=began)["Events"]
    assert [event["Message"] for event in reversed(told)] == [
        "createApplicationVersion is starting.",
        "Created new Application Version: r9-accepted",
        "createApplicationVersion completed successfully.",
    ]


def test_a_version_and_settings_are_not_updated_in_one_call(estate: Estate) -> None:
    option = {"Namespace": "aws:elasticbeanstalk:command", "OptionName": "Timeout", "Value": "900"}
    together = refused(estate.beanstalk.update_environment, EnvironmentName=PREPROD, VersionLabel=LABEL, OptionSettings=[option])
    assert together[:2] == (400, "InvalidParameterCombination")

    estate.beanstalk.update_environment(EnvironmentName=PREPROD, OptionSettings=[option])
    until(lambda: estate.is_settled(PREPROD))
    assert estate.aws.ledger.environments[PREPROD].option("command", "Timeout") == "900"


@pytest.mark.parametrize("seconds", ["3601", "-1", "a minute"])
def test_a_host_drains_for_an_hour_at_most(estate: Estate, seconds: str) -> None:
    process = "aws:elasticbeanstalk:environment:process:default"
    option = {"Namespace": process, "OptionName": "DeregistrationDelay", "Value": seconds}
    status, code, said = refused(estate.beanstalk.update_environment, EnvironmentName=PREPROD, OptionSettings=[option])
    assert (status, code) == (400, "InvalidParameterValue")
    assert f"'{seconds}' (Namespace: '{process}', OptionName: 'DeregistrationDelay')" in said
    assert estate.is_settled(PREPROD)
    for accepted in ("3600", "0", "20"):
        estate.beanstalk.update_environment(EnvironmentName=PREPROD, OptionSettings=[option | {"Value": accepted}])
        until(lambda: estate.is_settled(PREPROD))
        assert estate.aws.ledger.environments[PREPROD].option("environment:process:default", "DeregistrationDelay") == accepted


def test_a_matcher_of_503_is_refused(estate: Estate) -> None:
    elbv2 = estate.client("elbv2")
    arn = elbv2.describe_target_groups(Names=[PREPROD])["TargetGroups"][0]["TargetGroupArn"]
    assert refused(elbv2.modify_target_group, TargetGroupArn=arn, Matcher={"HttpCode": "200,503"})[0] == 400
    accepted = elbv2.modify_target_group(TargetGroupArn=arn, Matcher={"HttpCode": "200-299"})["TargetGroups"][0]
    assert accepted["Matcher"]["HttpCode"] == "200-299"


def test_an_operation_that_is_not_played_is_refused_and_not_an_error_page(estate: Estate) -> None:
    assert refused(estate.beanstalk.swap_environment_cnames, SourceEnvironmentName=PROD)[:2] == (400, "InvalidAction")


# Other operations.


def test_logs_are_put_into_s3_behind_signed_addresses(estate: Estate) -> None:
    estate.beanstalk.request_environment_info(EnvironmentName=PREPROD, InfoType="tail")
    until(lambda: estate.aws.beanstalk.events(environment=PREPROD)[0].message == "Pulled logs for environment instances.")
    (sample,) = estate.beanstalk.retrieve_environment_info(EnvironmentName=PREPROD, InfoType="tail")["EnvironmentInfo"]
    assert sample["Ec2InstanceId"] == "i-0a7d34e5f8b26c190"
    with urllib.request.urlopen(sample["Message"], timeout=5) as answer:  # noqa: S310 -- the address is our own
        assert answer.read() == b"the last lines of pp-fe-1\n"


def test_a_restart_is_told(estate: Estate) -> None:
    began = datetime.now(UTC)
    estate.beanstalk.restart_app_server(EnvironmentName=f"{PREPROD}-bo")
    until(lambda: estate.is_settled(f"{PREPROD}-bo"))
    told = [message for _, message in estate.story(f"{PREPROD}-bo", began)]
    assert told[:2] == ["restartAppServer is starting.", "Restarted application server on all ec2 instances."]


# The stock command line tool.


def _cli(estate: Estate, home: Path) -> dict[str, str]:
    """The stock program's environment."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": estate.aws.endpoint,
    }


def test_the_aws_cli_works(estate: Estate, tmp_path: Path) -> None:
    done = subprocess.run(
        [*AWS, "elasticbeanstalk", "describe-events", "--environment-name", PROD, "--max-items", "3", "--output", "json"],
        env=_cli(estate, tmp_path),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["Events"][0]["ApplicationName"] == APPLICATION


def _as_version_2(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The same without the console's patience: three attempts are what version 2 of the program makes by itself."""
    return tuple("AWS_MAX_ATTEMPTS=3" if word.startswith("AWS_MAX_ATTEMPTS=") else word for word in argv)


def test_a_bundle_reaches_a_store_that_throttles(estate: Estate, tmp_path: Path) -> None:
    """By the stock program with what a build host is told, and by the one that is played there."""
    (tmp_path / "release.zip").write_bytes(b"zip")
    for name, copied in (("stock", _stock_copy), ("played", _played_copy)):
        upload = commands.upload(str(tmp_path / "release.zip"), BUCKET, f"test/{name}.zip")
        for argv, code in ((_as_version_2(upload.argv), 1), (upload.argv, 0)):
            estate.world.faults.add(Fault("throttle", times=3, options={"operation": "PutObject"}))
            done, said = copied(estate, tmp_path, argv)
            assert done == code, said
            assert ("(SlowDown)" in said) == bool(code)
            assert not estate.world.faults.strikes("throttle", operation="PutObject")
        assert estate.client("s3").get_object(Bucket=BUCKET, Key=f"test/{name}.zip")["Body"].read() == b"zip"


def _stock_copy(estate: Estate, folder: Path, argv: tuple[str, ...]) -> tuple[int, str]:
    at = argv.index("aws")
    own = (*argv[:at], *AWS, *argv[at + 1 :])
    done = subprocess.run(own, env=_cli(estate, folder), cwd=folder, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stderr.decode()


def _played_copy(estate: Estate, folder: Path, argv: tuple[str, ...]) -> tuple[int, str]:
    said: list[str] = []
    at, host = argv.index("aws"), replace(estate.world.machines[BUILD], root=folder)
    settings = dict(word.split("=", 1) for word in argv[1:at])
    code = play(Play(estate.world, host, argv[at:], folder, said.append, said.append, lambda: False, settings))
    return code, "".join(said)
