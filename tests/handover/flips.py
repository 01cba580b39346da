"""For each claim that is checked: one truth of the sandbox that, once it is changed, changes the claim's verdict; and how it is put back.

Everything is changed over the wire: by AWS's own API, by a command over SSH, or by an action of the sandbox where no call changes it.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runs.doors import door
from tests.handover.conftest import World

Undo = Callable[[], object]
Change = Callable[[World], Undo]
APP = "/var/app/current"
PROD, BACK = "client-magento-prod", "client-magento-prod-bo"


@dataclass(frozen=True, slots=True)
class Flip:
    """`source` is what has to be read anew to see it, `where` the one host or repository of it. Made once for all its claims."""

    source: str
    change: Change
    where: str = ""


# -- hosts in EC2


@cache
def stopped(name: str) -> Flip:
    def change(world: World) -> Undo:
        ids = [world.found("instance", name).id]
        world.aws("ec2").stop_instances(InstanceIds=ids)
        return lambda: world.aws("ec2").start_instances(InstanceIds=ids)

    return Flip("machines", change)


@cache
def retagged(name: str, key: str, value: str) -> Flip:
    def change(world: World) -> Undo:
        found = world.found("instance", name)
        was = {"Name": found.name, "managed-by": found.facts["managed_by"]}.get(key, found.facts["beanstalk"])
        tag: Callable[..., Any] = lambda text: world.aws("ec2").create_tags(Resources=[found.id], Tags=[{"Key": key, "Value": text}])  # noqa: E731
        tag(value)
        return lambda: tag(was) if was else world.aws("ec2").delete_tags(Resources=[found.id], Tags=[{"Key": key}])

    return Flip("machines", change)


@cache
def elsewhere(name: str) -> Flip:
    return retagged(name, "elasticbeanstalk:environment-name", "somebody-elses")


@cache
def swapped(one: str, other: str) -> Flip:
    """The name goes to a host in another subnet."""

    def change(world: World) -> Undo:
        first, second = retagged(one, "Name", "was-" + one).change(world), retagged(other, "Name", one).change(world)
        return lambda: (second(), first())

    return Flip("machines", change)


# -- files and mounts of hosts


def over_ssh(host: str, *argv: str) -> None:
    done = door().run(host, ("sudo", *argv), deadline=30.0)
    assert done.rc == 0, done.err


@cache
def away(host: str, path: str) -> Flip:
    def change(world: World) -> Undo:
        over_ssh(host, "mv", path, f"{path}.away")
        return lambda: over_ssh(host, "mv", f"{path}.away", path)

    return Flip("hosts", change, host)


@cache
def written(host: str, path: str, text: str = "something else\n") -> Flip:
    """Instead of what stands there."""

    def change(world: World) -> Undo:
        over_ssh(host, "mv", path, f"{path}.away")
        world.act("host-file", host=host, path=path, text=text)
        return lambda: over_ssh(host, "mv", f"{path}.away", path)

    return Flip("hosts", change, host)


@cache
def appeared(host: str, path: str) -> Flip:
    def change(world: World) -> Undo:
        world.act("host-file", host=host, path=path, text="x\n")
        return lambda: world.act("host-file", host=host, path=path)

    return Flip("hosts", change, host)


@cache
def unmounted(host: str, point: str) -> Flip:
    def change(world: World) -> Undo:
        was = door().run(host, ("cat", "/proc/mounts"), deadline=30.0).text
        left = "".join(line for line in was.splitlines(keepends=True) if f" {point} " not in line)
        assert left != was
        world.act("host-file", host=host, path="/proc/mounts", text=left)
        return lambda: world.act("host-file", host=host, path="/proc/mounts", text=was)

    return Flip("hosts", change, host)


# -- repositories and addresses


@cache
def branch_gone(repository: str, branch: str) -> Flip:
    def change(world: World) -> Undo:
        sha = world.found("branch", f"{repository} {branch}").facts["sha"]
        world.act("branch", repository=repository, branch=branch)
        return lambda: world.act("branch", repository=repository, branch=branch, **{"from": sha})

    return Flip("repositories", change, repository)


@cache
def branch_at(branch: str, other: str) -> Flip:
    """Of the configuration: the branch has what another one has."""

    def change(world: World) -> Undo:
        was = world.found("branch", f"beanstalk-config {branch}").facts["sha"]
        new = world.found("branch", f"beanstalk-config {other}").facts["sha"]
        world.act("branch", repository="beanstalk-config", branch=branch, **{"from": new})
        return lambda: world.act("branch", repository="beanstalk-config", branch=branch, **{"from": was})

    return Flip("repositories", change, "beanstalk-config")


@cache
def committed(path: str, text: str) -> Flip:
    """Somebody pushes that file to the production branch of the configuration."""

    def change(world: World) -> Undo:
        was = world.found("branch", "beanstalk-config prod").facts["sha"]
        world.act("commit-file", repository="beanstalk-config", branch="prod", path=path, text=text)
        return lambda: world.act("branch", repository="beanstalk-config", branch="prod", **{"from": was})

    return Flip("repositories", change, "beanstalk-config")


@cache
def fault(kind: str) -> Flip:
    def change(world: World) -> Undo:
        world.control.post("/sim/faults", json={"kind": kind, "times": -1}).raise_for_status()
        return lambda: world.control.delete("/sim/faults", params={"kind": kind}).raise_for_status()

    return Flip("addresses", change)


# -- AWS


_numbers = itertools.count(1)


def called(
    source: str, service: str, operation: str, undo: str, told: Mapping[str, Any], back: Mapping[str, Any], region: str = "eu-west-3"
) -> Flip:
    """One call, and one that takes it back."""

    def change(world: World) -> Undo:
        client = world.aws(service)
        getattr(client, operation)(**told)
        return lambda: getattr(client, undo)(**back)

    return Flip(source, change)


def database(name: str, told: Mapping[str, Any], back: Mapping[str, Any]) -> Flip:
    whole: dict[str, Any] = {"DBInstanceIdentifier": name, "ApplyImmediately": True}
    return called("databases", "rds", "modify_db_instance", "modify_db_instance", whole | dict(told), whole | dict(back))


@cache
def another_database() -> Flip:
    name = "one-more"
    told = {"DBInstanceIdentifier": name, "DBInstanceClass": "db.t3.micro", "Engine": "mysql", "AllocatedStorage": 20,
            "MasterUsername": "admin", "MasterUserPassword": "sandbox-none"}  # fmt: skip
    return called(
        "databases",
        "rds",
        "create_db_instance",
        "delete_db_instance",
        told,
        {"DBInstanceIdentifier": name, "SkipFinalSnapshot": True},
    )


def cluster(name: str, told: Mapping[str, Any], back: Mapping[str, Any]) -> Flip:
    whole: dict[str, Any] = {"ReplicationGroupId": name, "ApplyImmediately": True}
    return called("caches", "elasticache", "modify_replication_group", "modify_replication_group", whole | dict(told), whole | dict(back))


@cache
def another_cache() -> Flip:
    """By a name of its own each time: the sandbox never forgets one that was deleted, and refuses a second of its name."""
    told = {"ReplicationGroupDescription": "x", "Engine": "redis", "CacheNodeType": "cache.t3.micro"}

    def change(world: World) -> Undo:
        client, name = world.aws("elasticache"), {"ReplicationGroupId": f"one-more-{next(_numbers)}"}
        client.create_replication_group(**name, **told)
        return lambda: client.delete_replication_group(**name)

    return Flip("caches", change)


@cache
def let_in(group: str, source: str, port: int) -> Flip:
    """`source` is a range of addresses, or the name of a group."""

    def change(world: World) -> Undo:
        rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        rule |= {"IpRanges": [{"CidrIp": source}]} if "/" in source else {"UserIdGroupPairs": [{"GroupId": _group(world, source)}]}
        told = {"GroupId": _group(world, group), "IpPermissions": [rule]}
        world.aws("ec2").authorize_security_group_ingress(**told)
        return lambda: world.aws("ec2").revoke_security_group_ingress(**told)

    return Flip("security groups", change)


@cache
def shut_out(group: str, source: str, port: int) -> Flip:
    def change(world: World) -> Undo:
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": _group(world, source)}]}
        told = {"GroupId": _group(world, group), "IpPermissions": [rule]}
        world.aws("ec2").revoke_security_group_ingress(**told)
        return lambda: world.aws("ec2").authorize_security_group_ingress(**told)

    return Flip("security groups", change)


def _group(world: World, name: str) -> str:
    return str(world.found("security-group", name).id)


@cache
def way_out(ends: str) -> Flip:
    """The subnet's default route goes the other way."""

    def change(world: World) -> Undo:
        subnet = next(each for each in world.before.every("subnet") if each.facts["cidr"].endswith(ends))
        table = next(each for each in world.before.every("route-table") if subnet.id in each.facts["subnets"])
        was = table.facts["default"]
        internet = {} if was.startswith("igw") else {"vpcs": [subnet.facts["vpc"]]}
        other = world.before.every("nat-gateway" if was.startswith("igw") else "internet-gateway", **internet)
        ec2 = world.aws("ec2")
        way: Callable[..., Any] = lambda id_: {"NatGatewayId" if id_.startswith("nat") else "GatewayId": id_}  # noqa: E731

        def route(id_: str) -> None:
            ec2.delete_route(RouteTableId=table.id, DestinationCidrBlock="0.0.0.0/0")
            ec2.create_route(RouteTableId=table.id, DestinationCidrBlock="0.0.0.0/0", **way(id_))

        route(other[0].id)
        return lambda: route(was)

    return Flip("network", change)


@cache
def another_subnet() -> Flip:
    def change(world: World) -> Undo:
        vpc = next(each for each in world.before.every("vpc") if not each.facts["default"])
        made = world.aws("ec2").create_subnet(VpcId=vpc.id, CidrBlock="10.0.9.0/24")["Subnet"]["SubnetId"]
        return lambda: world.aws("ec2").delete_subnet(SubnetId=made)

    return Flip("network", change)


@cache
def another_vpc() -> Flip:
    def change(world: World) -> Undo:
        made = world.aws("ec2").create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        return lambda: world.aws("ec2").delete_vpc(VpcId=made)

    return Flip("network", change)


@cache
def gateway_detached() -> Flip:
    def change(world: World) -> Undo:
        vpc = next(each for each in world.before.every("vpc") if not each.facts["default"])
        gateway = next(each for each in world.before.every("internet-gateway") if vpc.id in each.facts["vpcs"])
        told = {"InternetGatewayId": gateway.id, "VpcId": vpc.id}
        world.aws("ec2").detach_internet_gateway(**told)
        return lambda: world.aws("ec2").attach_internet_gateway(**told)

    return Flip("network", change)


@cache
def volume_detached(host: str) -> Flip:
    def change(world: World) -> Undo:
        machine = world.found("instance", host)
        volume = world.before.every("volume", instance=machine.id, root=False)[0]
        world.aws("ec2").detach_volume(VolumeId=volume.id, InstanceId=machine.id)
        told = {"VolumeId": volume.id, "InstanceId": machine.id, "Device": volume.facts["device"]}
        return lambda: world.aws("ec2").attach_volume(**told)

    return Flip("volumes", change)


def acted(source: str, name: str, told: Mapping[str, str], back: Mapping[str, str]) -> Flip:
    def change(world: World) -> Undo:
        world.act(name, **told)
        return lambda: world.act(name, **back)

    return Flip(source, change)


# -- load balancers


@cache
def address_gone(host: str) -> Flip:
    def change(world: World) -> Undo:
        machine = world.found("instance", host)
        address = world.before.every("elastic-ip", instance=machine.id)[0]
        world.aws("ec2").disassociate_address(PublicIp=address.facts["address"])
        return lambda: world.aws("ec2").associate_address(AllocationId=address.id, InstanceId=machine.id)

    return Flip("Elastic IPs", change)


@cache
def rule_moved(path: str) -> Flip:
    def change(world: World) -> Undo:
        elbv2 = world.aws("elbv2")
        arn = world.found("load-balancer", "client-magento-alb").facts["arn"]
        listener = elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
        rule = next(each for each in elbv2.describe_rules(ListenerArn=listener)["Rules"] if not each["IsDefault"])
        condition: Callable[..., Any] = lambda value: [{"Field": "path-pattern", "Values": [value]}]  # noqa: E731
        elbv2.modify_rule(RuleArn=rule["RuleArn"], Conditions=condition(path))
        return lambda: elbv2.modify_rule(RuleArn=rule["RuleArn"], Conditions=condition("/backend/*"))

    return Flip("load balancers", change)


@cache
def default_moved() -> Flip:
    def change(world: World) -> Undo:
        elbv2 = world.aws("elbv2")
        arn = world.found("load-balancer", "client-magento-alb").facts["arn"]
        listener = elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
        groups = {each["TargetGroupName"]: each["TargetGroupArn"] for each in elbv2.describe_target_groups()["TargetGroups"]}
        send: Callable[..., Any] = lambda name: elbv2.modify_listener(  # noqa: E731
            ListenerArn=listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": groups[name]}]
        )
        send(BACK)
        return lambda: send(PROD)

    return Flip("load balancers", change)


@cache
def another_listener(balancer: str) -> Flip:
    def change(world: World) -> Undo:
        elbv2 = world.aws("elbv2")
        arn = world.found("load-balancer", balancer).facts["arn"]
        action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        made = elbv2.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=8080, DefaultActions=[action])["Listeners"][0]
        return lambda: elbv2.delete_listener(ListenerArn=made["ListenerArn"])

    return Flip("load balancers", change)


@cache
def another_balancer() -> Flip:
    def change(world: World) -> Undo:
        subnets = [each.id for each in world.before.every("subnet") if each.facts["cidr"] in ("10.0.1.0/24", "10.0.2.0/24")]
        elbv2 = world.aws("elbv2")
        made = elbv2.create_load_balancer(Name="client-magento-alb-2", Subnets=subnets, Type="application")["LoadBalancers"][0]
        return lambda: elbv2.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])

    return Flip("load balancers", change)


@cache
def another_group() -> Flip:
    def change(world: World) -> Undo:
        vpc = next(each for each in world.before.every("vpc") if not each.facts["default"])
        elbv2 = world.aws("elbv2")
        made = elbv2.create_target_group(Name=f"{PROD}-x", Protocol="HTTP", Port=80, VpcId=vpc.id, Matcher={"HttpCode": "200"})
        return lambda: elbv2.delete_target_group(TargetGroupArn=made["TargetGroups"][0]["TargetGroupArn"])

    return Flip("target groups", change)


def group_changed(**told: Any) -> Flip:
    def change(world: World) -> Undo:
        elbv2 = world.aws("elbv2")
        arn = elbv2.describe_target_groups(Names=[PROD])["TargetGroups"][0]["TargetGroupArn"]
        elbv2.modify_target_group(TargetGroupArn=arn, **told)
        return lambda: elbv2.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/pub/health_check.php")

    return Flip("target groups", change)


@cache
def drains_never() -> Flip:
    def change(world: World) -> Undo:
        elbv2 = world.aws("elbv2")
        arn = elbv2.describe_target_groups(Names=[PROD])["TargetGroups"][0]["TargetGroupArn"]
        set_to: Callable[..., Any] = lambda seconds: elbv2.modify_target_group_attributes(  # noqa: E731
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": seconds}]
        )
        set_to("0")
        return lambda: set_to("20")

    return Flip("target groups", change)


@cache
def served_certificate_changed() -> Flip:
    def change(world: World) -> Undo:
        elbv2, acm = world.aws("elbv2"), world.aws("acm")
        arn = world.found("load-balancer", "client-magento-alb").facts["arn"]
        listener = next(each for each in elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"] if each["Port"] == 443)
        other = acm.import_certificate(**a_certificate("other.example", 90))["CertificateArn"]
        elbv2.modify_listener(ListenerArn=listener["ListenerArn"], Certificates=[{"CertificateArn": other}])

        def undo() -> None:
            elbv2.modify_listener(ListenerArn=listener["ListenerArn"], Certificates=listener["Certificates"])
            acm.delete_certificate(CertificateArn=other)

        return undo

    return Flip("load balancers", change)


# -- delivery and names


def a_certificate(name: str, days: int) -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(whose, whose, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"Certificate": made.public_bytes(pem), "PrivateKey": private}


@cache
def certificate_ends_soon() -> Flip:
    def change(world: World) -> Undo:
        acm = world.aws("acm")
        arn = world.before.every("certificate", domain="*.client.url", region="eu-west-3")[0].id
        acm.import_certificate(CertificateArn=arn, **a_certificate("*.client.url", 9))
        return lambda: acm.import_certificate(CertificateArn=arn, **a_certificate("*.client.url", 320))

    return Flip("certificates", change)


@cache
def distribution(name: str, alter: Callable[[dict[str, Any]], None]) -> Flip:
    def change(world: World) -> Undo:
        cloudfront = world.aws("cloudfront")
        id_ = world.found("distribution", name).id
        put: Callable[..., Any] = lambda config: cloudfront.update_distribution(Id=id_, DistributionConfig=config, IfMatch="any")  # noqa: E731
        was = cloudfront.get_distribution_config(Id=id_)["DistributionConfig"]
        new = json.loads(json.dumps(was))
        alter(new)
        put(new)
        return lambda: put(was)

    return Flip("distributions", change)


def _disable(config: dict[str, Any]) -> None:
    config["Enabled"] = False


def _plain_http(config: dict[str, Any]) -> None:
    config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] = "allow-all"


def _other_path(config: dict[str, Any]) -> None:
    config["Origins"]["Items"][0]["OriginPath"] = "/media"


def _query(config: dict[str, Any]) -> None:
    config["DefaultCacheBehavior"]["ForwardedValues"]["QueryString"] = True


def _no_alias(config: dict[str, Any]) -> None:
    config["Aliases"] = {"Quantity": 0, "Items": []}


def _own_certificate(config: dict[str, Any]) -> None:
    config["ViewerCertificate"]["ACMCertificateArn"] = ""


@cache
def record(zone: str, name: str, address: str) -> Flip:
    """The name leads to another address."""

    def change(world: World) -> Undo:
        route53 = world.aws("route53")
        zone_id = world.found("zone", zone).id
        sets = route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
        was = next(each for each in sets if each["Name"] == f"{name}." and each["Type"] == "A")
        new = {"Name": f"{name}.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]}

        def put(value: dict[str, Any]) -> None:
            batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": value}]}
            route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)

        put(new)
        return lambda: put(was)

    return Flip("names", change)


@cache
def another_zone(name: str) -> Flip:
    def change(world: World) -> Undo:
        made = world.aws("route53").create_hosted_zone(Name=name, CallerReference=f"{name} {datetime.now(UTC)}")["HostedZone"]["Id"]
        return lambda: world.aws("route53").delete_hosted_zone(Id=made)

    return Flip("names", change)


# -- buckets


@cache
def opened(bucket: str) -> Flip:
    """Readable by everybody, and nothing blocks it."""

    def change(world: World) -> Undo:
        s3 = world.aws("s3")
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        s3.delete_public_access_block(Bucket=bucket)
        s3.put_bucket_acl(Bucket=bucket, ACL="public-read")

        def undo() -> None:
            s3.put_bucket_acl(Bucket=bucket, ACL="private")
            s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)

        return undo

    return Flip("buckets", change, bucket)


@cache
def not_versioned(bucket: str) -> Flip:
    told: Callable[..., Any] = lambda status: {"Bucket": bucket, "VersioningConfiguration": {"Status": status}}  # noqa: E731
    return called("buckets", "s3", "put_bucket_versioning", "put_bucket_versioning", told("Suspended"), told("Enabled"))


@cache
def policy_gone(bucket: str) -> Flip:
    def change(world: World) -> Undo:
        s3 = world.aws("s3")
        policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=bucket)
        return lambda: s3.put_bucket_policy(Bucket=bucket, Policy=policy)

    return Flip("buckets", change, bucket)


@cache
def object_gone(bucket: str, key: str) -> Flip:
    def change(world: World) -> Undo:
        s3 = world.aws("s3")
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.delete_object(Bucket=bucket, Key=key)
        return lambda: s3.put_object(Bucket=bucket, Key=key, Body=body)

    return Flip("buckets", change, bucket)


@cache
def state_without(host: str) -> Flip:
    def change(world: World) -> Undo:
        s3 = world.aws("s3")
        where = {"Bucket": "client-terraform-remote-state-storage", "Key": "client/terraform.tfstate"}
        was = s3.get_object(**where)["Body"].read()
        state = json.loads(was)
        state["resources"] = [each for each in state["resources"] if each["name"] != host]
        s3.put_object(Body=json.dumps(state).encode(), **where)
        return lambda: s3.put_object(Body=was, **where)

    return Flip("Terraform", change)


# -- Beanstalk and CloudWatch


@cache
def option(environment: str, namespace: str, name: str, value: str) -> Flip:
    """Changed, and waited for: Beanstalk takes no second change before the first is through."""

    def change(world: World) -> Undo:
        beanstalk = world.aws("elasticbeanstalk")
        settings = beanstalk.describe_configuration_settings(ApplicationName="client-magento", EnvironmentName=environment)
        was = next(
            each["Value"]
            for each in settings["ConfigurationSettings"][0]["OptionSettings"]
            if (each["Namespace"], each["OptionName"]) == (namespace, name)
        )

        def put(text: str) -> None:
            until_ready(world, environment)
            beanstalk.update_environment(
                EnvironmentName=environment, OptionSettings=[{"Namespace": namespace, "OptionName": name, "Value": text}]
            )
            until_ready(world, environment)

        put(value)
        return lambda: put(was)

    return Flip("Beanstalk", change)


def until_ready(world: World, environment: str) -> None:
    deadline = time.monotonic() + 120
    while world.aws("elasticbeanstalk").describe_environments(EnvironmentNames=[environment])["Environments"][0]["Status"] != "Ready":
        assert time.monotonic() < deadline, f"{environment} is not Ready in time"
        time.sleep(0.3)


@cache
def widget(title: str, alter: Callable[[dict[str, Any]], None]) -> Flip:
    """Of the production dashboard."""

    def change(world: World) -> Undo:
        cloudwatch = world.aws("cloudwatch")
        name = "client-magento-production"
        was = cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]
        body = json.loads(was)
        found = next(each for each in body["widgets"] if each["properties"].get("title") == title)
        alter(found["properties"])
        if found["properties"].pop("gone", False):
            body["widgets"].remove(found)
        put: Callable[..., Any] = lambda text: cloudwatch.put_dashboard(DashboardName=name, DashboardBody=text)  # noqa: E731
        put(json.dumps(body))
        return lambda: put(was)

    return Flip("dashboards", change)


@cache
def alarm(name: str, **other: float) -> Flip:
    """Somebody tunes it."""

    def change(world: World) -> Undo:
        cloudwatch = world.aws("cloudwatch")
        found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        kept = [
            "AlarmName",
            "AlarmDescription",
            "ActionsEnabled",
            "OKActions",
            "AlarmActions",
            "MetricName",
            "Namespace",
            "Statistic",
            "Dimensions",
            "Period",
        ]
        kept += ["EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"]
        was = {key: found[key] for key in kept if key in found}
        cloudwatch.put_metric_alarm(**(was | other))
        return lambda: cloudwatch.put_metric_alarm(**was)

    return Flip("alarms", change)


def dashboard_gone() -> Flip:
    def change(world: World) -> Undo:
        cloudwatch = world.aws("cloudwatch")
        name = "client-magento-production"
        was = cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]
        cloudwatch.delete_dashboards(DashboardNames=[name])
        return lambda: cloudwatch.put_dashboard(DashboardName=name, DashboardBody=was)

    return Flip("dashboards", change)


@cache
def appeared_on_all(hosts: tuple[str, ...], path: str) -> Flip:
    def change(world: World) -> Undo:
        undo = [appeared(host, path).change(world) for host in hosts]
        return lambda: [each() for each in undo]

    return Flip("hosts", change)


def _gone(properties: dict[str, Any]) -> None:
    properties["gone"] = True


def _no_metric(name: str) -> Callable[[dict[str, Any]], None]:
    def alter(properties: dict[str, Any]) -> None:
        properties["metrics"] = [each for each in properties["metrics"] if each[1] != name]

    return alter


def _minutes(properties: dict[str, Any]) -> None:
    properties["period"] = 60


def _flat(properties: dict[str, Any]) -> None:
    properties["stacked"] = False


LOG = "AWSLogs/123456789012/elasticloadbalancing/eu-west-3/alb.log.gz"
DOWN, UP = ({"link": "DLM-Ml", "number": "2", "status": status} for status in ("DOWN", "UP"))


def aged(bucket: str, key: str, days: str, was: str) -> Flip:
    return acted("buckets", "object-age", {"bucket": bucket, "key": key, "days": days}, {"bucket": bucket, "key": key, "days": was})


NO_COMMANDS = committed(".ebextensions/40-magento.config", "files: {}\n")
FRONT = ("fe-1", "fe-2", "fe-3", "fe-4")
CPU, CONNECTIONS, HEALTH = "DB CPU Prod", "awsrds-client-magento-prod-High-DB-Connections", "Prod eb health"
BASIC = option(PROD, "aws:elasticbeanstalk:healthreporting:system", "SystemType", "basic")
MUTED = called("alarms", "cloudwatch", "disable_alarm_actions", "enable_alarm_actions", {"AlarmNames": [CPU]}, {"AlarmNames": [CPU]})
COMMAND = "aws:elasticbeanstalk:command"
BANNER = "Application requests stats"
MAGENTO_FLAG = f"{APP}/var/.maintenance.flag"
MODULE = f"{APP}/vendor/creativestyle/magesuite-maintenance-mode"
HAPROXY = "/etc/haproxy/haproxy.cfg"
EXPORTS, FSTAB = "/etc/exports", "/etc/fstab"
JOB = "/var/lib/rundeck/jobs/client-magento/deploy-magento-prod.yaml"
PROJECT = "/var/lib/rundeck/projects/client-magento/etc/project.properties"
PORTAL = "/etc/rundeck/framework.properties"


def exported_without(share: str) -> Flip:
    return written("nfs", EXPORTS, f"/srv/none {share}-old 10.0.0.0/16(rw)\n")


FLIPS: dict[int, Flip] = {
    1: away("fe-3", f"{APP}/bin/magento"),
    2: fault("database-down"), 3: fault("database-down"), 4: fault("database-down"),
    5: stopped("windows"),
    6: unmounted("fe-1", f"{APP}/pub/media"),
    7: elsewhere("pp-be"), 8: elsewhere("pim-1"),
    9: another_cache(),
    10: distribution("media.client.url", _disable),
    11: another_database(),
    12: stopped("openvpn"), 13: stopped("ansible"), 14: stopped("rundeck"),
    15: retagged("ansible", "Name", "windows-2"), 16: retagged("ansible", "Name", "gateway-2"),
    17: let_in("client-phpmyadmin", "0.0.0.0/0", 80),
    20: elsewhere("be"),
    21: option("client-magento-preprod", COMMAND, "DeploymentPolicy", "AllAtOnce"),
    22: elsewhere("fe-4"),
    23: default_moved(),
    24: committed(".ebextensions/50-cron.config", "files: {}\n"),
    25: elsewhere("fe-4"), 26: elsewhere("be"),
    27: another_group(), 28: another_balancer(), 29: rule_moved("/admin/*"), 30: default_moved(),
    31: written("fe-2", f"{APP}/app/etc/config.php"),
    32: branch_gone("magento", "master"), 33: branch_gone("beanstalk-config", "prod"),
    34: NO_COMMANDS, 35: branch_gone("beanstalk-config", "prod"),
    36: branch_gone("beanstalk-config", "preprod"),
    37: object_gone("client-magento-config", "env.php"),
    38: fault("database-down"),
    39: unmounted("be", f"{APP}/client"), 40: unmounted("fe-2", f"{APP}/pub/media"), 41: unmounted("fe-2", f"{APP}/pub/static"),
    42: unmounted("fe-3", f"{APP}/sitemap"), 43: unmounted("be", f"{APP}/client"),
    44: fault("cache-down"),
    45: away("rundeck", PROJECT),
    49: away("fe-1", f"{APP}/.user.ini"), 50: written("fe-1", f"{APP}/.user.ini"), 51: written("fe-1", f"{APP}/.htaccess"),
    52: appeared("fe-4", f"{APP}/.git"),
    55: option(PROD, COMMAND, "BatchSize", "2"),
    56: drains_never(),
    57: appeared("fe-2", "/var/app/ondeck"),
    58: NO_COMMANDS, 59: NO_COMMANDS, 60: NO_COMMANDS, 273: NO_COMMANDS,
    62: BASIC, 64: option(PROD, COMMAND, "IgnoreHealthCheck", "true"),
    67: branch_at("master", "prod"), 68: branch_at("master", "prod"), 69: branch_at("master", "prod"), 70: branch_at("master", "prod"),
    71: branch_at("master", "prod"),
    72: elsewhere("pim-1"), 73: fault("database-down"), 74: another_listener("client-pim-alb"),
    75: let_in("client-rds-shared", PROD, 3306),
    76: branch_at("master", "prod"),
    77: written("custom-1", "/etc/vsftpd/vsftpd.conf"),
    78: let_in("client-custom-connection", "0.0.0.0/0", 21),
    79: branch_at("master", "prod"), 80: branch_at("master", "prod"), 81: branch_at("master", "prod"),
    82: away("custom-1", APP),
    83: written("custom-1", "/etc/passwd"),
    84: branch_at("master", "prod"), 85: fault("database-down"), 86: let_in("client-rds-shared", PROD, 3306),
    87: branch_at("master", "prod"), 88: branch_at("master", "prod"),
    89: written("mirakl-1", "/etc/httpd/conf.d/cashout.conf"), 90: written("mirakl-1", "/etc/cron.d/cashout"),
    91: branch_at("master", "prod"), 92: fault("database-down"), 93: let_in("client-rds-shared", PROD, 3306),
    94: retagged("windows", "managed-by", "terraform"), 95: stopped("windows"), 96: volume_detached("windows"),
    97: written("gateway", HAPROXY), 98: written("gateway", HAPROXY), 99: state_without("gateway"),
    100: acted("images", "image-age", {"name": "client-nfs-2026-01", "days": "900"}, {"name": "client-nfs-2026-01", "days": "320"}),
    101: state_without("nfs"),
    104: away("openvpn", "/root/client-configs/create_user.sh"), 107: address_gone("openvpn"),
    109: volume_detached("rundeck"),
    110: unmounted("rundeck", "/var/lib/rundeck"),
    113: written("rundeck", PORTAL), 114: let_in("client-rundeck", "0.0.0.0/0", 4440),
    115: away("nfs", EXPORTS), 117: written("nfs", FSTAB), 118: volume_detached("nfs"), 119: written("nfs", EXPORTS, "/srv/media *(rw)\n"),
    120: exported_without("client-media"), 121: exported_without("magento-statics"), 122: exported_without("magento-client"),
    123: exported_without("magento-sitemap"),
    124: retagged("ansible", "Name", "nfs-2"),
    125: away("gateway", HAPROXY), 126: written("gateway", HAPROXY, "server win 10.0.101.50\n"),
    127: written("gateway", HAPROXY), 128: written("gateway", HAPROXY), 129: written("gateway", HAPROXY),
    130: written("gateway", HAPROXY), 131: written("gateway", HAPROXY),
    133: let_in("client-gateway", "0.0.0.0/0", 445),
    135: another_database(),
    136: database(PROD, {"PubliclyAccessible": True}, {"PubliclyAccessible": False}),
    137: database(PROD, {"DBInstanceClass": "db.r5.4xlarge"}, {"DBInstanceClass": "db.r4.4xlarge"}),
    138: database(PROD, {"MultiAZ": False}, {"MultiAZ": True}),
    139: let_in("client-rds-prod", "client-magento-preprod", 3306),
    140: database("client-magento-preprod", {"DBInstanceClass": "db.r4.xlarge"}, {"DBInstanceClass": "db.r4.large"}),
    141: let_in("client-rds-preprod", PROD, 3306),
    142: shut_out("client-rds-shared", "client-mirakl-cashout", 3306),
    143: acted("database snapshots", "snapshot-age", {"database": PROD, "hours": "50"}, {"database": PROD, "hours": "12"}),
    144: database(PROD, {"BackupRetentionPeriod": 7}, {"BackupRetentionPeriod": 1}),
    145: another_cache(),
    146: cluster("client-redis-prod", {"MultiAZEnabled": False}, {"MultiAZEnabled": True}),
    147: cluster("client-redis-prod", {"AutomaticFailoverEnabled": False}, {"AutomaticFailoverEnabled": True}),
    148: cluster("client-redis-preprod", {"AutomaticFailoverEnabled": True}, {"AutomaticFailoverEnabled": False}),
    149: distribution("media.client.url", _no_alias),
    150: distribution("media.client.url", _query), 151: distribution("static.client.url", _plain_http),
    152: distribution("static.client.url", _no_alias), 153: distribution("media.client.url", _other_path),
    155: opened("client-billing"), 156: policy_gone("client-billing"), 157: not_versioned("client-magento-config"),
    158: aged("client-magento-elb-logs", LOG, "9", "0"), 159: aged("client-temp-storage", "media-before-move.tar.gz", "90", "4"),
    160: not_versioned("client-terraform-remote-state-storage"),
    161: opened("elasticbeanstalk-eu-west-3-123456789012"),
    162: certificate_ends_soon(), 163: distribution("media.client.url", _own_certificate), 164: served_certificate_changed(),
    165: acted("domains", "domain", {"name": "client.url"}, {"name": "client.url", "gone": "true"}),
    166: dashboard_gone(), 168: MUTED,
    169: alarm(CPU, Threshold=85.0), 170: alarm(CONNECTIONS, Threshold=150.0), 171: alarm(HEALTH, EvaluationPeriods=5),
    172: BASIC, 173: BASIC, 174: BASIC, 276: alarm(HEALTH, Threshold=15.0),
    175: alarm("DLM-Lan VPN status", Period=60), 176: alarm("DLM-Ml VPN status", Period=60), 177: alarm("DLM-Cetsi VPN status", Period=60),
    178: widget("Backend latency", _gone), 179: widget("Environment Health", _gone), 180: widget(BANNER, _minutes),
    181: widget(BANNER, _no_metric("RequestCount")), 182: widget(BANNER, _no_metric("HTTPCode_Backend_5XX")),
    183: widget(BANNER, _no_metric("HealthyHostCount")), 184: group_changed(HealthCheckPath="/"),
    185: widget(BANNER, _no_metric("UnHealthyHostCount")), 186: widget(BANNER, _no_metric("Latency")),
    187: widget(BANNER, _no_metric("EstimatedALBActiveConnectionCount")), 188: widget(BANNER, _no_metric("EstimatedProcessedBytes")),
    189: widget("LoadAverage5min EC2 instances", _no_metric("LoadAverage5min")),
    190: widget("RDS instance CPU utilization", _gone), 191: widget("Backend latency", _no_metric("Latency")),
    192: widget("CPU usage Redis", _gone), 193: widget("Backend request status", _flat),
    194: another_vpc(), 195: another_subnet(), 282: another_subnet(),
    196: way_out(".0.1.0/24"), 197: way_out(".0.2.0/24"), 198: way_out(".0.3.0/24"),
    199: way_out(".0.101.0/24"), 200: way_out(".0.102.0/24"), 201: way_out(".0.103.0/24"),
    202: gateway_detached(), 203: way_out(".0.102.0/24"), 204: swapped("ansible", "fe-2"),
    205: acted("IPSec links", "tunnel", DOWN, UP),
    206: stopped("openvpn"),
    208: another_zone("third.url."), 209: another_zone("internal-client.url."),
    210: acted("domains", "domain", {"auto_renew": "false"}, {"auto_renew": "true"}),
    211: acted("domains", "domain", {"name": "client.url"}, {"name": "client.url", "gone": "true"}),
    212: record("internal-client.url", "nfs.internal-client.url", "10.0.101.99"),
    213: record("internal-client.url", "rundeck.internal-client.url", "10.0.101.99"),
    214: record("internal-client.url", "windows.internal-client.url", "10.0.101.99"),
    215: record("client.url", "client.url", "192.0.2.1"), 216: record("client.url", "www.client.url", "192.0.2.1"),
    217: record("client.url", "media.client.url", "192.0.2.1"), 218: record("client.url", "static.client.url", "192.0.2.1"),
    219: branch_gone("magento", "master"), 220: branch_gone("beanstalk-config", "master"),
    221: away("fe-1", f"{APP}/bin/magento"), 222: away("fe-2", f"{APP}/bin/magento"),
    224: written("rundeck", PORTAL), 225: written("rundeck", PROJECT), 226: written("rundeck", JOB),
    229: away("fe-1", f"{APP}/pub/static/deployed_version.txt"), 230: away("fe-1", f"{APP}/pub/static/deployed_version.txt"),
    231: away("fe-1", f"{APP}/pub/static/.htaccess"), 233: away("fe-1", f"{APP}/pub/static/frontend/Client/dlm/fr_FR"),
    234: away("fe-3", f"{APP}/app/design/frontend/Client/dlm"), 235: away("fe-1", f"{APP}/pub/static/adminhtml/Magento/backend/en_US"),
    236: away("fe-1", f"{APP}/pub/static/adminhtml/Magento/backend/fr_FR"),
    237: away("fe-4", f"{APP}/bin/magento"), 238: away("fe-3", f"{APP}/bin/magento"),
    239: appeared("fe-1", MAGENTO_FLAG), 240: appeared("fe-4", MAGENTO_FLAG),
    246: stopped("fe-2"),
    260: appeared_on_all(FRONT, MODULE), 274: appeared_on_all(FRONT, MODULE),
    250: away("be", "/var/log/eb-activity.log"), 251: written("fe-1", "/var/log/eb-activity.log"),
    266: branch_at("prod", "master"), 267: away("nfs", EXPORTS), 268: let_in("client-rds-shared", PROD, 3306),
    269: another_listener("client-custom-connection-alb"),
    270: written("gateway", HAPROXY, "server win 10.0.101.50\n"), 271: another_balancer(), 272: elsewhere("fe-4"),
    277: another_zone("client.url."), 279: stopped("phpmyadmin"),
    281: record("internal-client.url", "nfs.internal-client.url", "10.0.101.99"),
    283: database(PROD, {"BackupRetentionPeriod": 7}, {"BackupRetentionPeriod": 1}),
}  # fmt: skip
