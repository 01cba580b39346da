"""The two Redis clusters on ElastiCache, with the failover and the events that moto lacks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.elasticache.exceptions import InvalidParameterValueException, ReplicationGroupNotFound
from moto.elasticache.models import elasticache_backends
from moto.elasticache.responses import ElastiCacheResponse

from sandbox.aws.inventory.network import Network
from sandbox.aws.seed import client
from sandbox.world import ACCOUNT, REGION

PRODUCTION, PRE_PRODUCTION = "client-redis-prod", "client-redis-preprod"
_events: list[dict[str, Any]] = []


def fill(endpoint: str, net: Network) -> None:
    elasticache = client("elasticache", endpoint)
    elasticache.create_cache_subnet_group(
        CacheSubnetGroupName="client-private", CacheSubnetGroupDescription="The private subnets", SubnetIds=list(net.private.values())
    )
    _events.clear()
    for name, replicas, group in ((PRODUCTION, 1, "client-redis-prod"), (PRE_PRODUCTION, 0, "client-redis-preprod")):
        elasticache.create_replication_group(
            ReplicationGroupId=name,
            ReplicationGroupDescription=f"Redis of Magento: {name}",
            Engine="redis",
            EngineVersion="6.2",
            CacheNodeType="cache.r5.large" if replicas else "cache.t3.medium",
            NumNodeGroups=1,
            ReplicasPerNodeGroup=replicas,
            PreferredCacheClusterAZs=[f"{REGION}a", f"{REGION}b"][: replicas + 1],
            AutomaticFailoverEnabled=bool(replicas),
            MultiAZEnabled=bool(replicas),
            CacheSubnetGroupName="client-private",
            SecurityGroupIds=[net.groups[group]],
        )


def install() -> None:
    """TestFailover, which changes the roles, DescribeEvents, which tells of it in AWS's own words, and each node as a cluster."""

    def describe_cache_clusters(self: Any) -> ActionResult:
        wanted = self._get_param("CacheClusterId")
        nodes = [node for group in elasticache_backends[ACCOUNT][REGION].replication_groups.values() for node in _nodes(group)]
        return ActionResult({"CacheClusters": [node for node in nodes if wanted in (None, node["CacheClusterId"])]})

    def test_failover(self: Any) -> ActionResult:
        name, node_group = self._get_param("ReplicationGroupId"), self._get_param("NodeGroupId")
        group = elasticache_backends[ACCOUNT][REGION].replication_groups.get(name)
        if group is None:
            raise ReplicationGroupNotFound(name)
        shard = next((each for each in group.node_groups if each["node_group_id"] == node_group), None)
        if shard is None or group.automatic_failover != "enabled":
            raise InvalidParameterValueException(f"Test failover is not available for node group {node_group} of {name}.")
        _fail_over(name, shard)
        return ActionResult({"ReplicationGroup": group})

    def describe_events(self: Any) -> ActionResult:
        wanted = self._get_param("SourceIdentifier")
        return ActionResult({"Events": [each for each in reversed(_events) if wanted in (None, each["SourceIdentifier"])]})

    for method in (test_failover, describe_events, describe_cache_clusters):
        setattr(ElastiCacheResponse, method.__name__, method)


def _nodes(group: Any) -> list[dict[str, Any]]:
    return [
        {
            "CacheClusterId": member["cache_cluster_id"],
            "ReplicationGroupId": group.replication_group_id,
            "CacheNodeType": group.cache_node_type,
            "CacheClusterStatus": group.status,
            "Engine": "redis",
            "NumCacheNodes": 1,
            "PreferredAvailabilityZone": member["preferred_availability_zone"],
            "SecurityGroups": [{"SecurityGroupId": each, "Status": "active"} for each in group.security_group_ids or ()],
        }
        for shard in group.node_groups
        for member in shard["node_group_members"]
    ]


def _fail_over(name: str, shard: dict[str, Any]) -> None:
    members = shard["node_group_members"]
    before = next(each for each in members if each["current_role"] == "primary")
    after = next(each for each in members if each["current_role"] == "replica")
    before["current_role"], after["current_role"] = "replica", "primary"
    old, new = before["cache_cluster_id"], after["cache_cluster_id"]
    _tell(
        name,
        (
            f"Test Failover API called for node group {shard['node_group_id']}",
            f"Failover from primary node {old} to replica node {new} completed",
            f"Recovering cache nodes {old}",
            f"Finished recovery for cache nodes {old}",
        ),
    )


def _tell(name: str, messages: Iterable[str]) -> None:
    now = datetime.now(UTC)
    _events.extend({"SourceIdentifier": name, "SourceType": "replication-group", "Message": each, "Date": now} for each in messages)
