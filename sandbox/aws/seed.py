"""The estate of the hand-over document as AWS has it: network, instances, load balancers, buckets, environments.

Lives here: what there is at the start. It is made through the front door, with boto3 against our own endpoint, except where AWS chooses
by itself what the document has already chosen: instance ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from typing import Any

import boto3
from botocore.config import Config
from moto.ec2.models import instances as moto_instances

from sandbox.aws import loadbalancing
from sandbox.aws.state import DEPLOYED, SETTINGS, Deployment, Environment, Instance, Ledger, Version
from sandbox.aws.storage import BEANSTALK_BUCKET, BUCKETS, CONFIG_BUCKET
from sandbox.aws.targets import Targets
from sandbox.durations import DURATIONS
from sandbox.world import (
    APPLICATION,
    CASHOUT,
    CUSTOM_CONNECTION,
    OTHERS,
    PIM,
    PREPROD_BACK,
    PREPROD_FRONT,
    PROD_BACK,
    PROD_FRONT,
    REGION,
    Host,
    World,
)

ZONES = ("a", "b", "c")
PROD_BALANCER, PREPROD_BALANCER = "client-magento-alb", "client-magento-preprod-alb"
# name, Beanstalk id, load balancer, description
ENVIRONMENTS = (
    (PROD_FRONT, "e-mq3ct7vkzp", PROD_BALANCER, "Magento, front office, production"),
    (PROD_BACK, "e-x9pw2hdnre", PROD_BALANCER, "Magento, back office, production"),
    (PREPROD_FRONT, "e-4tbkuy8rgs", PREPROD_BALANCER, "Magento, front office, pre-production"),
    (PREPROD_BACK, "e-j6vzc3mhwa", PREPROD_BALANCER, "Magento, back office, pre-production"),
    (PIM, "e-c8nf2wpzkt", "client-pim-alb", "PIM"),
    (CUSTOM_CONNECTION, "e-h5rd9qvmxs", "client-custom-connection-alb", "Custom Connection"),
    (CASHOUT, "e-y2gk6btjua", "client-mirakl-cashout-alb", "Mirakl-HiPay connector"),
)
ENV_PHP = b"""<?php
// Secrets stand here on the real estate; in the sandbox there are none.
return [
    'backend' => ['frontName' => 'backend'],
    'db' => ['connection' => ['default' => ['host' => 'client-magento-prod.internal-client.url', 'dbname' => 'magento']]],
    'cache' => ['frontend' => ['default' => ['backend_options' => ['server' => 'redis.internal-client.url']]]],
];
"""
CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
LAUNCHED_BEFORE = timedelta(days=23)
RELEASED_BEFORE = timedelta(days=1, hours=2)


def client(service: str, endpoint: str, region: str = REGION) -> Any:
    make: Any = boto3.client
    return make(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # noqa: S106 -- signatures are not checked here
        config=Config(proxies={}, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, signature_version=None),
    )


def storage(endpoint: str, bundles: Mapping[str, bytes]) -> list[Version]:
    """The buckets, the secrets files, and the bundles of the versions that are deployed, by their labels."""
    s3 = client("s3", endpoint)
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration=dict.fromkeys(CLOSED, True),
        )
    s3.put_object(Bucket=CONFIG_BUCKET, Key="env.php", Body=ENV_PHP)
    s3.put_object(Bucket=CONFIG_BUCKET, Key="env-preprod.php", Body=ENV_PHP.replace(b"client-magento-prod.", b"client-magento-preprod."))
    for name in OTHERS.values():
        s3.put_object(Bucket=CONFIG_BUCKET, Key=f"{name}/parameters.yml", Body=b"parameters: {}\n")
    s3.put_object(Bucket=CONFIG_BUCKET, Key=f"{OTHERS[CUSTOM_CONNECTION]}/ftp-user", Body=b"")
    return [_released(s3, label, bundle) for label, bundle in bundles.items()]


def _released(s3: Any, label: str, bundle: bytes) -> Version:
    key = f"{APPLICATION}/{label}.zip"
    s3.put_object(Bucket=BEANSTALK_BUCKET, Key=key, Body=bundle)
    return Version(label, "Released by Rundeck", BEANSTALK_BUCKET, key, s3.head_object(Bucket=BEANSTALK_BUCKET, Key=key)["LastModified"])


def network(endpoint: str) -> tuple[str, list[str], dict[str, str]]:
    """The VPC, its public subnets, and the private subnet of each third byte of an address."""
    ec2 = client("ec2", endpoint)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", Name="client"))["Vpc"]["VpcId"]
    public, private = [], {}
    for number, zone in enumerate(ZONES, start=1):
        for kind, third in (("public", number), ("private", 100 + number)):
            subnet = ec2.create_subnet(
                VpcId=vpc,
                CidrBlock=f"10.0.{third}.0/24",
                AvailabilityZone=f"{REGION}{zone}",
                TagSpecifications=tagged("subnet", Name=f"client-{kind}-{zone}"),
            )["Subnet"]["SubnetId"]
            if kind == "public":
                public.append(subnet)
            else:
                private[str(third)] = subnet
    return vpc, public, private


def instances(endpoint: str, world: World, private: dict[str, str]) -> None:
    ec2 = client("ec2", endpoint)
    for host in world.hosts.values():
        with next_instance_id(host.instance_id):
            ec2.run_instances(
                ImageId="ami-0f15e0a4c8d3e5ee0",
                InstanceType="c5.xlarge",
                MinCount=1,
                MaxCount=1,
                SubnetId=private[host.private_ip.split(".")[2]],
                PrivateIpAddress=host.private_ip,
                TagSpecifications=tagged(
                    "instance",
                    **{"Name": host.name, "elasticbeanstalk:environment-name": host.environment},
                ),
            )


def balancers(endpoint: str, world: World, vpc: str, subnets: list[str], targets: Targets) -> None:
    elbv2 = client("elbv2", endpoint)
    for name, front, back in ((PROD_BALANCER, PROD_FRONT, PROD_BACK), (PREPROD_BALANCER, PREPROD_FRONT, PREPROD_BACK)):
        balancer = elbv2.create_load_balancer(Name=name, Subnets=subnets, Scheme="internet-facing", Type="application")["LoadBalancers"][0]
        loadbalancing.backend().load_balancers[balancer["LoadBalancerArn"]].activate()
        groups = {environment: _target_group(elbv2, world, vpc, environment) for environment in (front, back)}
        for environment in groups:
            for host in world.hosts_of(environment):
                targets.register(environment, host, settled=True)
        for environment, arn in groups.items():
            elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": host.instance_id} for host in world.hosts_of(environment)])
        for port, protocol in ((80, "HTTP"), (443, "HTTPS")):
            listener = elbv2.create_listener(
                LoadBalancerArn=balancer["LoadBalancerArn"],
                Port=port,
                Protocol=protocol,
                DefaultActions=[{"Type": "forward", "TargetGroupArn": groups[front]}],
            )["Listeners"][0]["ListenerArn"]
            elbv2.create_rule(
                ListenerArn=listener,
                Priority=10,
                Conditions=[{"Field": "path-pattern", "Values": ["/backend/*"]}],
                Actions=[{"Type": "forward", "TargetGroupArn": groups[back]}],
            )
    for name, _, balancer_name, _ in ENVIRONMENTS:
        if name in OTHERS:
            _other_balancer(elbv2, world, vpc, subnets, targets, name, balancer_name)


def _other_balancer(elbv2: Any, world: World, vpc: str, subnets: list[str], targets: Targets, environment: str, name: str) -> None:
    """Of one of the smaller applications: its own, reached by its DNS name, in HTTP only."""
    balancer = elbv2.create_load_balancer(Name=name, Subnets=subnets, Scheme="internet-facing", Type="application")["LoadBalancers"][0]
    loadbalancing.backend().load_balancers[balancer["LoadBalancerArn"]].activate()
    group = _target_group(elbv2, world, vpc, environment, "/")
    for host in world.hosts_of(environment):
        targets.register(environment, host, settled=True)
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": host.instance_id} for host in world.hosts_of(environment)])
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Port=80,
        Protocol="HTTP",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )


def environments(ledger: Ledger, labels: Mapping[str, str], versions: Sequence[Version], deployment_id: int) -> None:
    """All environments on the versions that were released last; `labels` by environment."""
    now = ledger.world.clock.now()
    ledger.versions |= {version.label: version for version in versions}
    for name, id_, balancer, description in ENVIRONMENTS:
        version = ledger.versions[labels[name]]
        deployed = Deployment(version.label, deployment_id, DEPLOYED, now - RELEASED_BEFORE)
        hosts = ledger.world.hosts_of(name)
        ledger.environments[name] = Environment(
            name=name,
            id=id_,
            instances=[_instance(host, deployed) for host in hosts],
            label=version.label,
            expected=deployed,
            created=now - LAUNCHED_BEFORE,
            updated=deployed.at,
            balancer=balancer,
            description=description,
            settings=deepcopy(SETTINGS),
            deployments=deployment_id,
        )


def _instance(host: Host, deployed: Deployment) -> Instance:
    return Instance(host, deployed, deployed.at + RELEASED_BEFORE - LAUNCHED_BEFORE)


def _target_group(elbv2: Any, world: World, vpc: str, environment: str, path: str = "/pub/health_check.php") -> str:
    arn: str = elbv2.create_target_group(
        Name=environment,
        VpcId=vpc,
        Protocol="HTTP",
        Port=80,
        HealthCheckPath=path,
        HealthCheckIntervalSeconds=15,
        HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=3,
        UnhealthyThresholdCount=5,
        Matcher={"HttpCode": "200"},
        Tags=[{"Key": "elasticbeanstalk:environment-name", "Value": environment}],
    )["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": f"{DURATIONS.drain:g}"}]
    )
    return arn


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


@contextmanager
def next_instance_id(instance_id: str) -> Iterator[None]:
    """AWS chooses instance ids; here the document has chosen them. Moto draws one for each new instance from this function."""
    module: Any = moto_instances
    drawn = module.random_instance_id
    module.random_instance_id = lambda: instance_id
    try:
        yield
    finally:
        module.random_instance_id = drawn
