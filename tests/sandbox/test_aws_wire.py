"""What can happen to a call on its way: throttling, lost answers, errors of AWS itself."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from sandbox.world import Fault
from tests.sandbox.conftest import Estate, refused, until

PROD, PREPROD = "client-magento-prod", "client-magento-preprod"
BUCKET = "elasticbeanstalk-eu-west-3-123456789012"


def test_more_than_a_burst_of_calls_is_throttled(fresh: Estate) -> None:
    codes = []
    for _ in range(20):
        try:
            fresh.beanstalk.describe_environments(EnvironmentNames=[PROD])
            codes.append("")
        except ClientError as error:
            codes.append(f"{error.response['Error']['Code']}: {error.response['Error']['Message']}")
    assert "Throttling: Rate exceeded" in codes
    assert codes.count("") >= 1, "what the bucket held was answered"


def test_a_throttled_account_throttles_everything_until_it_is_over(fresh: Estate) -> None:
    fresh.world.faults.add(Fault("throttle", times=-1))
    assert refused(fresh.beanstalk.describe_application_versions)[1:] == ("Throttling", "Rate exceeded")
    fresh.world.faults.clear("throttle")
    assert fresh.beanstalk.describe_application_versions()["ApplicationVersions"]


def test_a_lost_reply_is_an_operation_that_happened(fresh: Estate) -> None:
    fresh.make_version("r9-lost")
    fresh.world.faults.add(Fault("lost-reply", options={"operation": "UpdateEnvironment"}))
    with pytest.raises(ConnectionClosedError):
        fresh.beanstalk.update_environment(EnvironmentName=PREPROD, VersionLabel="r9-lost")
    until(lambda: fresh.is_settled(PREPROD))
    assert fresh.aws.ledger.environments[PREPROD].label == "r9-lost"
    assert fresh.world.faults.listed() == []


def test_s3_may_refuse_to_take_an_object(fresh: Estate) -> None:
    s3 = fresh.client("s3")
    fresh.world.faults.add(Fault("s3-refuses"))
    assert refused(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x") == (403, "AccessDenied", "Access Denied")
    assert s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_aws_itself_may_fail(fresh: Estate) -> None:
    fresh.world.faults.add(Fault("aws-500", options={"operation": "DescribeInstances"}))
    assert fresh.client("sts").get_caller_identity()["Account"] == "123456789012", "another operation is not struck"
    assert refused(fresh.client("ec2").describe_instances)[0] == 500
    assert fresh.client("ec2").describe_instances()["Reservations"]


@pytest.mark.parametrize(
    "service, operation, arguments, told",
    [
        ("elasticbeanstalk", "describe_applications", {}, (403, "InvalidClientTokenId")),
        ("sts", "get_caller_identity", {}, (403, "InvalidClientTokenId")),
        ("cloudwatch", "describe_alarms", {}, (400, "UnrecognizedClientException")),
        ("ec2", "describe_vpcs", {}, (401, "AuthFailure")),
        ("s3", "list_objects_v2", {"Bucket": BUCKET}, (403, "InvalidAccessKeyId")),
    ],
)
def test_a_key_of_iam_counts_until_it_is_made_inactive(
    fresh: Estate, service: str, operation: str, arguments: dict[str, str], told: tuple[int, str]
) -> None:
    iam = fresh.client("iam")
    given = iam.create_access_key(UserName="ops-console")["AccessKey"]
    make: Any = boto3.client
    client = make(
        service,
        region_name="eu-west-3",
        endpoint_url=fresh.aws.endpoint,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        config=Config(retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}),
    )
    ask = getattr(client, operation)
    assert ask(**arguments)["ResponseMetadata"]["HTTPStatusCode"] == 200
    iam.update_access_key(UserName="ops-console", AccessKeyId=given["AccessKeyId"], Status="Inactive")
    assert refused(ask, **arguments)[:2] == told
    iam.update_access_key(UserName="ops-console", AccessKeyId=given["AccessKeyId"], Status="Active")
    assert ask(**arguments)["ResponseMetadata"]["HTTPStatusCode"] == 200
    iam.delete_access_key(UserName="ops-console", AccessKeyId=given["AccessKeyId"])
    assert refused(ask, **arguments)[:2] == told
