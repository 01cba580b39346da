"""Another account than the shipped one, made over the wire in a server of moto's own: other names, other counts, another region."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

REGION = "eu-central-1"
COUNTS = {"acme-store-live-web": 6, "acme-store-live-admin": 2, "acme-store-staging-web": 1, "acme-erp-live": 3, "acme-feeds-live": 2}


@dataclass
class Account:
    endpoint: str

    def aws(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="x",
            aws_secret_access_key="xxxxxxxxxx",
            config=Config(proxies={}, s3={"addressing_style": "path"}),
        )

    def expected(self) -> dict[str, Any]:
        """What a person who knows the account would have written, as far as AWS can tell it."""
        target = {"application": "acme", "bundles": {"bucket": f"elasticbeanstalk-{REGION}-123456789012", "prefix": "ops-console/"}}
        tier = {"key": "app", "name": "Application"}
        web = {"key": "front", "name": "Front end", "beanstalk": "acme-store-live-web", "hosts": 6}
        back = {"key": "back", "name": "Back office", "beanstalk": "acme-store-live-admin", "hosts": 2}
        live = {**target, "lock_group": "store-production", "tiers": [back, web], "database": "acme-store-live",
                "shop": {"url": "https://www.acme.example/", "health": "/pub/health_check.php"}}  # fmt: skip
        staging = {**target, "lock_group": "store-staging", "database": None,
                   "tiers": [{"key": "front", "name": "Front end", "beanstalk": "acme-store-staging-web", "hosts": 1}]}  # fmt: skip
        shared = {**target, "lock_group": "shared-database", "database": None}
        erp = {**shared, "tiers": [tier | {"beanstalk": "acme-erp-live", "hosts": 3}]}
        feeds = {**shared, "tiers": [tier | {"beanstalk": "acme-feeds-live", "hosts": 2}]}
        return {
            "observe": True,
            "name": "Acme estate",
            "time_zone": "UTC",  # no time zone is called Frankfurt
            "region": REGION,
            "environments": {
                "production": {"name": "Production", "confirm": True},
                "staging": {"name": "Staging"},
                "shared": {"name": "Shared"},
            },
            "services": {
                "store": {"plan": "magento", "environments": {"production": live, "staging": staging}},
                "erp": {"plan": "simple", "environments": {"production": erp}},
                "feeds": {"plan": "simple", "environments": {"production": feeds}},
            },
            "access": {"environment": "shared", "vpn": {"instance": "door"}, "gateway": None},
            "alarm_topics": {"night": f"arn:aws:sns:{REGION}:123456789012:acme-night-alarms"},
            "alarms": {
                "store cpu": {
                    "about": "The store's database works hard",
                    "namespace": "AWS/RDS",
                    "metric": "CPUUtilization",
                    "dimensions": {"DBInstanceIdentifier": "acme-store-live"},
                    "statistic": "Average",
                    "period": 300,
                    "periods": 4,
                    "datapoints": 3,
                    "comparison": "GreaterThanOrEqualToThreshold",
                    "threshold": 82.5,
                    "missing": "notBreaching",
                    "tell": ["night"],
                }
            },
        }


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The environment leads there meanwhile."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    argv = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        _wait(process, port)
        account = Account(f"http://127.0.0.1:{port}")
        _fill(account)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        told = {"AWS_ENDPOINT_URL": account.endpoint, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "xxxxxxxxxx",
                "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1"}  # fmt: skip
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        yield account
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)
        else:
            return


def _fill(account: Account) -> None:
    ec2, elb = account.aws("ec2"), account.aws("elbv2")
    vpc = ec2.create_vpc(CidrBlock="172.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"172.20.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
               for n, zone in enumerate("ab")]  # fmt: skip
    eb = account.aws("elasticbeanstalk")
    eb.create_application(ApplicationName="acme")

    def group(name: str) -> str:
        return str(ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])

    def let_in(into: str, port: int, **source: Any) -> None:
        ec2.authorize_security_group_ingress(
            GroupId=into, IpPermissions=[{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}]
        )

    def machines(count: int, groups: list[str], **tags: str) -> list[str]:
        made = ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=count, MaxCount=count, SubnetId=subnets[0], SecurityGroupIds=groups,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": name, "Value": value} for name, value in tags.items()]}],
        )  # fmt: skip
        return [each["InstanceId"] for each in made["Instances"]]

    groups: dict[str, str] = {}
    hosts: dict[str, list[str]] = {}
    for name, count in COUNTS.items():
        eb.create_environment(ApplicationName="acme", EnvironmentName=name, SolutionStackName="64bit Amazon Linux 2 v3 running PHP 7.4")
        groups[name] = group(name)
        hosts[name] = machines(count, [groups[name]], **{"elasticbeanstalk:environment-name": name, "Name": name})
    gone = machines(1, [groups["acme-erp-live"]], **{"elasticbeanstalk:environment-name": "acme-erp-live"})
    ec2.terminate_instances(InstanceIds=gone)
    _databases(account, groups, group, let_in)
    door = group("acme-door")
    ec2.authorize_security_group_ingress(
        GroupId=door, IpPermissions=[{"IpProtocol": "udp", "FromPort": 1194, "ToPort": 1194, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    machines(1, [door], Name="door")
    balancer = elb.create_load_balancer(Name="store-lb", Subnets=subnets, SecurityGroups=[group("lb")])["LoadBalancers"][0]
    certificate = account.aws("acm").request_certificate(DomainName="www.acme.example")["CertificateArn"]
    target = elb.create_target_group(Name="store-web", Protocol="HTTP", Port=80, VpcId=vpc, HealthCheckPath="/pub/health_check.php")
    arn = target["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": each} for each in hosts["acme-store-live-web"]])
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    _names_and_alarms(account, balancer["DNSName"])


def _databases(account: Account, groups: dict[str, str], group: Any, let_in: Any) -> None:
    """The store has one of its own; the others share one."""
    users = {"acme-store-live": ["acme-store-live-web", "acme-store-live-admin"], "acme-rest": ["acme-erp-live", "acme-feeds-live"]}
    for name, its in users.items():
        made = group(f"{name}-db")
        for each in its:
            let_in(made, 3306, UserIdGroupPairs=[{"GroupId": groups[each]}])
        account.aws("rds").create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.t3.medium",
            Engine="mysql",
            MasterUsername="root",
            MasterUserPassword="not-a-secret",
            AllocatedStorage=20,
            VpcSecurityGroupIds=[made],
        )


def _names_and_alarms(account: Account, balancer: str) -> None:
    names = account.aws("route53")
    zone = names.create_hosted_zone(Name="acme.example", CallerReference="1")["HostedZone"]["Id"]
    for name in ("acme.example", "www.acme.example"):
        record = {"Name": name, "Type": "A",
                  "AliasTarget": {"HostedZoneId": "Z1", "DNSName": f"dualstack.{balancer}.", "EvaluateTargetHealth": False}}  # fmt: skip
        names.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
    alarm = {
        "AlarmDescription": "The store's database works hard",
        "Namespace": "AWS/RDS",
        "MetricName": "CPUUtilization",
        "Statistic": "Average",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "acme-store-live"}],
        "Period": 300,
        "EvaluationPeriods": 4,
        "DatapointsToAlarm": 3,
        "Threshold": 82.5,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [f"arn:aws:sns:{REGION}:123456789012:acme-night-alarms"],
    }
    account.aws("cloudwatch").put_metric_alarm(AlarmName="store cpu", **alarm)
    account.aws("cloudwatch").put_metric_alarm(AlarmName="quick", **(alarm | {"Period": 10}))
