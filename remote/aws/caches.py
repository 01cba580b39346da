"""ElastiCache: the Redis clusters, who is primary, whether they fail over. Reading only."""

from __future__ import annotations

from collections import defaultdict

from remote.aws.found import PATIENCE, Found
from remote.aws.session import ask_all


def caches() -> list[Found]:
    groups: dict[str, set[str]] = defaultdict(set)
    for node in ask_all("elasticache", "describe_cache_clusters", "CacheClusters", patience=PATIENCE):
        groups[node.get("ReplicationGroupId", "")].update(each["SecurityGroupId"] for each in node.get("SecurityGroups", ()))
    found = []
    for raw in ask_all("elasticache", "describe_replication_groups", "ReplicationGroups", patience=PATIENCE):
        if raw["Status"] == "deleting":
            continue
        members = [
            {"node": each["CacheClusterId"], "role": each.get("CurrentRole", ""), "zone": each.get("PreferredAvailabilityZone", "")}
            for group in raw.get("NodeGroups", ())
            for each in group.get("NodeGroupMembers", ())
        ]
        facts = {
            "status": raw["Status"],
            "node_type": raw.get("CacheNodeType", ""),
            "failover": raw.get("AutomaticFailover", ""),
            "multi_az": raw.get("MultiAZ", ""),
            "members": members,
            "groups": sorted(groups[raw["ReplicationGroupId"]]),
            "nodes": len(members),
            "primaries": sum(each["role"] == "primary" for each in members),
            "replicas": sum(each["role"] == "replica" for each in members),
        }
        found.append(Found("cache", raw["ReplicationGroupId"], raw["ReplicationGroupId"], facts))
    return found
