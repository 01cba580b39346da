"""The wrappers against moto's server on the wire; Beanstalk's, which moto lacks, against botocore's own model of its answers."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.stub import Stubber

from remote.aws import balancer, beanstalk, compute, identity, metrics, session, storage
from remote.aws.session import client
from remote.errors import NotFound, Refused
from tests.remote.conftest import aim_at

NOW = datetime(2026, 11, 23, 20, 14, tzinfo=UTC)


@pytest.fixture
def bucket(aws: str) -> str:
    name = f"releases-{uuid.uuid4().hex}"
    client("s3", write=True).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    return name


@pytest.mark.parametrize("size", [0, 1000, 40 * 1024 * 1024], ids=["empty", "small", "in parts"])
def test_put_carries_the_sha256_and_get_returns_the_bytes(bucket: str, tmp_path: Path, size: int) -> None:
    content = b"release " * (size // 8)
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(content)
    sent: list[int] = []
    digest = hashlib.sha256(content).hexdigest()
    put = storage.put(bucket, "bundles/a b+c.zip", bundle, digest, sent.append)
    assert (put.size, put.sha256) == (len(content), digest)
    assert put.modified.tzinfo is not None
    assert storage.head(bucket, "bundles/a b+c.zip") == put
    assert sum(sent) == len(content)
    assert storage.get(bucket, "bundles/a b+c.zip", limit=64 * 1024 * 1024) == content


def test_what_is_not_there(bucket: str, tmp_path: Path) -> None:
    assert storage.head(bucket, "nothing") is None
    with pytest.raises(NotFound):
        storage.get(bucket, "nothing")
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(NotFound, match="no-such-bucket"):
        storage.put("no-such-bucket-of-ours", "x", tmp_path / "x", "0" * 64)


def test_a_large_object_is_refused_unread(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"123456")
    storage.put(bucket, "x", tmp_path / "x", "")
    with pytest.raises(Refused, match="limit is 5"):
        storage.get(bucket, "x", limit=5)
    assert storage.get(bucket, "x", limit=6) == b"123456"


def test_instances_targets_and_rules(aws: str) -> None:
    ec2, elb = client("ec2", write=True), client("elbv2", write=True)
    mark = uuid.uuid4().hex[:8]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-west-3{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    tags = [{"Key": "Name", "Value": "fe-1"}, {"Key": "mark", "Value": mark}]
    started = ec2.run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnets[0], TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )
    (instance,) = compute.instances({"tag:mark": [mark]})
    assert instance.id == started["Instances"][0]["InstanceId"]
    assert (instance.name, instance.zone, instance.tags["mark"]) == ("fe-1", "eu-west-3a", mark)
    assert instance.private_ip.startswith("10.0.0.")
    assert compute.instances({"tag:mark": ["nobody"]}) == []
    with pytest.raises(NotFound):
        compute.console_output("i-0000000000000dead")

    made = elb.create_load_balancer(Name=f"alb-{mark}", Subnets=subnets)["LoadBalancers"][0]
    group = elb.create_target_group(Name=f"front-{mark}", Protocol="HTTP", Port=80, VpcId=vpc, HealthCheckPath="/health_check.php")[
        "TargetGroups"
    ][0]
    elb.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": instance.id, "Port": 80}])
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=forward)
    curtain = [
        {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/html", "MessageBody": "back soon"}}
    ]
    elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=8080, DefaultActions=forward)
    listener, _ = balancer.listeners(made["LoadBalancerArn"])
    elb.create_rule(
        ListenerArn=listener.arn, Priority=10, Conditions=[{"Field": "path-pattern", "Values": ["/backend/*"]}], Actions=curtain
    )

    assert f"alb-{mark}" in [each.name for each in balancer.load_balancers()]
    (target_group,) = balancer.target_groups(made["LoadBalancerArn"])
    assert (target_group.health_path, target_group.port) == ("/health_check.php", 80)
    assert target_group.balancers == (made["LoadBalancerArn"],), "once, however many listeners lead to it"
    (target,) = balancer.target_health(target_group.arn)
    assert (target.instance_id, target.state) == (instance.id, "healthy")
    first, last = balancer.rules(listener.arn)
    assert (first.priority, first.conditions, first.fixed_status) == (10, (("path-pattern", ("/backend/*",)),), 503)
    assert last.is_default
    assert last.target_groups == (target_group.arn,)


def test_who_am_i(aws: str) -> None:
    assert identity.who_am_i().account == "123456789012"


def test_a_gap_in_a_series_stays_a_gap(aws: str) -> None:
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
    namespace = f"Test/{uuid.uuid4().hex}"
    for minute, value in ((1, 3.0), (5, 4.0)):
        point = {"MetricName": "Seen", "Timestamp": start + timedelta(minutes=minute), "Value": value}
        client("cloudwatch", write=True).put_metric_data(Namespace=namespace, MetricData=[point])
    query = metrics.Query("seen", namespace, "Seen", {}, "Sum")
    points = metrics.series([query], start, start + timedelta(minutes=10))["seen"].points
    assert [value for _, value in points] == [3.0, 4.0]
    assert points[1][0] - points[0][0] == timedelta(minutes=4)


@pytest.fixture
def beanstalk_answers(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    aim_at(f"http://127.0.0.1:9/{uuid.uuid4().hex}", monkeypatch)  # an address of its own, so that the client is this test's alone
    stub = Stubber(client("elasticbeanstalk"))
    stub.activate()
    return stub


def test_events_are_oldest_first_and_each_once(beanstalk_answers: Stubber) -> None:
    def event(seconds: int, message: str, request: str = "r-1") -> dict[str, object]:
        at = NOW + timedelta(seconds=seconds)
        return {"EventDate": at, "Message": message, "EnvironmentName": "shop", "Severity": "INFO", "RequestId": request}

    asked = {"ApplicationName": "client-magento", "StartTime": NOW, "EnvironmentName": "shop"}
    first = [event(9, "d"), event(5, "c"), event(5, "b")]
    beanstalk_answers.add_response("describe_events", {"Events": first, "NextToken": "more"}, asked)
    beanstalk_answers.add_response("describe_events", {"Events": [event(5, "b"), event(0, "a", "")]}, asked | {"NextToken": "more"})
    found = beanstalk.events("client-magento", NOW, "shop")
    assert [each.message for each in found] == ["a", "b", "c", "d"]
    assert (found[0].request_id, found[1].request_id, found[1].severity) == ("", "r-1", "INFO")
    beanstalk_answers.assert_no_pending_responses()


def test_instance_health_of_every_page(beanstalk_answers: Stubber) -> None:
    asked = {"EnvironmentName": "shop", "AttributeNames": ["All"]}
    raw = {
        "InstanceId": "i-012e92fb498ad40d7",
        "HealthStatus": "Info",
        "Color": "Green",
        "Causes": ["Performing application deployment (running for 31 seconds)"],
        "AvailabilityZone": "eu-west-3b",
        "System": {"LoadAverage": [0.5, 0.4, 0.3]},
        "Deployment": {"VersionLabel": "r418-a91c3e7", "DeploymentId": 418, "Status": "In Progress", "DeploymentTime": NOW},
    }
    beanstalk_answers.add_response("describe_instances_health", {"InstanceHealthList": [raw], "NextToken": "2"}, asked)
    beanstalk_answers.add_response("describe_instances_health", {"InstanceHealthList": [{"InstanceId": "i-2"}]}, asked | {"NextToken": "2"})
    first, second = beanstalk.instance_health("shop")
    assert (first.version, first.deployment_id, first.deployment_status, first.load) == (
        "r418-a91c3e7",
        418,
        "In Progress",
        (0.5, 0.4, 0.3),
    )
    assert (second.instance_id, second.version, second.causes) == ("i-2", "", ())


def test_option_settings_are_the_deployed_ones(beanstalk_answers: Stubber) -> None:
    def settings(status: str, policy: str) -> dict[str, object]:
        option = {"Namespace": "aws:elasticbeanstalk:command", "OptionName": "DeploymentPolicy", "Value": policy}
        return {"DeploymentStatus": status, "OptionSettings": [option]}

    answer = {"ConfigurationSettings": [settings("pending", "AllAtOnce"), settings("deployed", "Rolling")]}
    beanstalk_answers.add_response(
        "describe_configuration_settings", answer, {"ApplicationName": "client-magento", "EnvironmentName": "shop"}
    )
    assert beanstalk.option_settings("client-magento", "shop") == {("aws:elasticbeanstalk:command", "DeploymentPolicy"): "Rolling"}


def test_logs_are_the_newest_of_each_instance(beanstalk_answers: Stubber) -> None:
    def sample(instance: str, minutes: int) -> dict[str, object]:
        url = f"https://logs.test/{instance}/{minutes}"
        return {"InfoType": "tail", "Ec2InstanceId": instance, "SampleTimestamp": NOW + timedelta(minutes=minutes), "Message": url}

    answer = {"EnvironmentInfo": [sample("i-2", 1), sample("i-1", 3), sample("i-1", 2)]}
    beanstalk_answers.add_response("retrieve_environment_info", answer, {"EnvironmentName": "shop", "InfoType": "tail"})
    assert [log.url for log in beanstalk.retrieve_logs("shop")] == ["https://logs.test/i-1/3", "https://logs.test/i-2/1"]


def test_no_such_version_is_none(beanstalk_answers: Stubber) -> None:
    asked = {"ApplicationName": "client-magento", "VersionLabels": ["r1"]}
    beanstalk_answers.add_response("describe_application_versions", {"ApplicationVersions": []}, asked)
    source = {"S3Bucket": "b", "S3Key": "k"}
    beanstalk_answers.add_response(
        "describe_application_versions", {"ApplicationVersions": [{"VersionLabel": "r1", "SourceBundle": source}]}, asked
    )
    assert beanstalk.version("client-magento", "r1") is None
    found = beanstalk.version("client-magento", "r1")
    assert found is not None
    assert (found.bucket, found.key) == ("b", "k")


def test_a_forked_child_uses_its_own_connections(aws: str) -> None:
    identity.who_am_i()
    child = os.fork()
    if child == 0:
        os._exit(0 if identity.who_am_i().account == "123456789012" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert identity.who_am_i().account == "123456789012"


@pytest.mark.parametrize("service", ["ec2", "elasticbeanstalk"])
def test_a_model_is_the_whole_one_but_for_its_words(service: str) -> None:
    whole, ours = (loader.load_service_model(service, "service-2") for loader in (Loader(), session._models))
    assert ours != whole
    assert ours == without_words(whole)


def test_a_member_that_is_called_like_the_words_stays(tmp_path: Path) -> None:
    members = {"documentation": {"shape": "Text", "documentation": "<p>What it says.</p>"}}
    (tmp_path / "model.json").write_text(json.dumps({"shapes": {"Page": {"members": members, "documentation": "<p>A page.</p>"}}}))
    found = session._WithoutWords().load_file(str(tmp_path / "model"))
    assert found == {"shapes": {"Page": {"members": {"documentation": {"shape": "Text", "documentation": ""}}, "documentation": ""}}}
    assert session._WithoutWords().load_file(str(tmp_path / "none")) is None


def without_words(part: Any) -> Any:
    match part:
        case dict():
            return {name: "" if name == "documentation" else without_words(each) for name, each in part.items()}
        case list():
            return [without_words(each) for each in part]
    return part
