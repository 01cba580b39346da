"""What the estate has besides its environments, asked over the wire as any client would."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.aws import seed
from sandbox.control import drift
from sandbox.control.refusal import Refused
from sandbox.world import Fault
from tests.sandbox.conftest import Estate, refused, until


def named(tags: list[dict[str, str]]) -> str:
    return next(tag["Value"] for tag in tags if tag["Key"] == "Name")


def test_the_network_is_the_documents(estate: Estate) -> None:
    ec2 = estate.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert sorted(each["CidrBlock"] for each in subnets) == sorted(f"10.0.{third}.0/24" for third in (1, 2, 3, 101, 102, 103))
    assert len(ec2.describe_nat_gateways()["NatGateways"]) == 3
    assert ec2.describe_internet_gateways()["InternetGateways"][0]["Attachments"][0]["VpcId"] == vpc


def test_a_link_tells_of_its_two_tunnels_and_a_tunnel_goes_down(estate: Estate) -> None:
    def told() -> dict[str, list[str]]:
        links = estate.client("ec2").describe_vpn_connections()["VpnConnections"]
        return {named(each["Tags"]): [tunnel["Status"] for tunnel in each["VgwTelemetry"]] for each in links}

    assert told() == {name: ["UP", "UP"] for name in ("DLM-Lan", "DLM-Ml", "DLM-Cetsi")}
    drift.DRIFTS["tunnel"](estate.world, {"link": "DLM-Ml", "number": "2", "status": "DOWN"})
    assert told()["DLM-Ml"] == ["UP", "DOWN"]
    drift.DRIFTS["tunnel"](estate.world, {"link": "DLM-Ml", "number": "2", "status": "UP"})
    assert told()["DLM-Ml"] == ["UP", "UP"]


@pytest.mark.parametrize("options", [{"link": "DLM-None"}, {"number": "3"}, {"status": "MAYBE"}])
def test_a_tunnel_that_is_none_is_refused(estate: Estate, options: dict[str, str]) -> None:
    with pytest.raises(Refused):
        drift.DRIFTS["tunnel"](estate.world, options)


def test_three_databases_each_with_one_snapshot_of_last_night(estate: Estate) -> None:
    rds = estate.client("rds")
    found = {each["DBInstanceIdentifier"]: each for each in rds.describe_db_instances()["DBInstances"]}
    assert {name: (each["DBInstanceClass"], each["MultiAZ"]) for name, each in found.items()} == {
        "client-magento-prod": ("db.r4.4xlarge", True),
        "client-magento-preprod": ("db.r4.large", False),
        "client-shared": ("db.t3.medium", False),
    }
    assert {each["BackupRetentionPeriod"] for each in found.values()} == {1}
    snapshots = rds.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"]
    assert sorted(each["DBInstanceIdentifier"] for each in snapshots) == sorted(found)
    assert all(each["DBSnapshotIdentifier"].startswith("rds:") for each in snapshots)


def test_a_failover_changes_the_roles_and_is_told(estate: Estate) -> None:
    elasticache = estate.client("elasticache")

    def primary() -> Any:
        group = elasticache.describe_replication_groups(ReplicationGroupId="client-redis-prod")["ReplicationGroups"][0]
        members = group["NodeGroups"][0]["NodeGroupMembers"]
        return next(each["CacheClusterId"] for each in members if each["CurrentRole"] == "primary")

    before = primary()
    elasticache.test_failover(ReplicationGroupId="client-redis-prod", NodeGroupId="0001")
    assert primary() != before
    told = elasticache.describe_events(SourceType="replication-group")["Events"]
    assert any(f"Failover from primary node {before}" in each["Message"] for each in told)
    status, _, message = refused(elasticache.test_failover, ReplicationGroupId="client-redis-preprod", NodeGroupId="0001")
    assert status == 400
    assert "not available" in message


def test_the_certificate_is_in_both_regions_and_used(estate: Estate) -> None:
    for region, users in (("eu-west-3", ":loadbalancer/app/client-magento-alb/"), ("us-east-1", ":distribution/")):
        acm = seed.client("acm", estate.aws.endpoint, region)
        arn = acm.list_certificates()["CertificateSummaryList"][0]["CertificateArn"]
        certificate = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        assert (certificate["DomainName"], certificate["Type"]) == ("*.client.url", "IMPORTED")
        assert any(users in each for each in certificate["InUseBy"])


def test_an_invalidation_is_in_progress_before_it_is_completed(estate: Estate) -> None:
    cloudfront = estate.client("cloudfront")
    items = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert {each["Aliases"]["Items"][0]: each["Origins"]["Items"][0]["OriginPath"] for each in items} == {
        "media.client.url": "/pub/media",
        "static.client.url": "/pub/static",
    }
    batch = {"Paths": {"Quantity": 1, "Items": ["/frontend/*"]}, "CallerReference": "a-test"}
    made = cloudfront.create_invalidation(DistributionId=items[0]["Id"], InvalidationBatch=batch)["Invalidation"]
    assert made["Status"] == "InProgress"
    until(lambda: cloudfront.get_invalidation(DistributionId=items[0]["Id"], Id=made["Id"])["Invalidation"]["Status"] == "Completed", 60)


def test_names_and_hosts_agree(estate: Estate) -> None:
    route53 = estate.client("route53")
    zones = {each["Name"]: each for each in route53.list_hosted_zones()["HostedZones"]}
    assert {name: zone["Config"]["PrivateZone"] for name, zone in zones.items()} == {"internal-client.url.": True, "client.url.": False}
    records = route53.list_resource_record_sets(HostedZoneId=zones["internal-client.url."]["Id"])["ResourceRecordSets"]
    addresses = {each["Name"].split(".")[0]: each["ResourceRecords"][0]["Value"] for each in records if each["Type"] == "A"}
    instances = [instance for each in estate.client("ec2").describe_instances()["Reservations"] for instance in each["Instances"]]
    assert addresses == {named(each["Tags"]): each["PrivateIpAddress"] for each in instances if named(each["Tags"]) in addresses}


def test_access_is_denied_to_what_a_fault_names_and_to_nothing_else(estate: Estate) -> None:
    estate.world.faults.add(Fault("access-denied", times=-1, options={"service": "rds"}))
    assert refused(estate.client("rds").describe_db_instances)[:2] == (403, "AccessDenied")
    assert estate.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    estate.world.faults.clear()
    assert estate.client("rds").describe_db_instances()["DBInstances"]


def test_a_file_of_a_host_is_written_and_taken_away(estate: Estate) -> None:
    act = drift.DRIFTS["host-file"]
    act(estate.world, {"host": "nfs", "path": "/etc/exports", "text": "/srv *(rw)\n"})
    assert (estate.world.host("nfs").root / "etc/exports").read_text() == "/srv *(rw)\n"
    act(estate.world, {"host": "nfs", "path": "/etc/exports"})
    assert not (estate.world.host("nfs").root / "etc/exports").exists()
    for bad in ({"host": "none", "path": "/etc"}, {"host": "nfs", "path": "/../../x"}, {"host": "nfs", "path": ""}):
        with pytest.raises(Refused):
            act(estate.world, bad)
