"""What leads to what: read from what was observed alone, so that a relation goes with the truth behind it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest

from handover import relations, topology
from handover.observed import Observed
from handover.relations import HOSTS, Id, Relation, Thing, Things
from runs.doors import door
from tests.handover import flips
from tests.handover.conftest import World
from tests.handover.flips import Flip, Undo


def things_of(observed: Observed) -> Things:
    return {kind: [Thing(each.kind, each.id, each.name, dict(each.facts)) for each in observed.every(kind)] for kind in topology.KINDS}


def related(things: Things) -> dict[tuple[str, str], Relation]:
    """By the names of both ends."""
    groups = relations.groups_of_hosts(things)
    names = {each.id: each.called for rows in things.values() for each in rows}
    found = [*relations.of_traffic(things, groups), *relations.of_network(things)]

    def name(of: Id) -> str:
        return f"{of[0]} {names.get(of, of[1])}"

    return {(name(each.source), name(each.target)): each for each in found}


@cache
def answers_itself() -> Flip:
    """The balancer of the PIM no longer sends anybody to its target group."""

    def change(world: World) -> Undo:
        elbv2 = world.aws("elbv2")
        listener = elbv2.describe_listeners(LoadBalancerArn=world.found("load-balancer", "client-pim-alb").facts["arn"])["Listeners"][0]
        told: Callable[[Any], object] = lambda actions: elbv2.modify_listener(  # noqa: E731
            ListenerArn=listener["ListenerArn"], DefaultActions=actions
        )
        told([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}])
        return lambda: told(listener["DefaultActions"])

    return Flip("load balancers", change)


@cache
def taken_out() -> Flip:
    def change(world: World) -> Undo:
        elbv2 = world.aws("elbv2")
        arn = elbv2.describe_target_groups(Names=["client-pim"])["TargetGroups"][0]["TargetGroupArn"]
        told = {"TargetGroupArn": arn, "Targets": [{"Id": world.found("instance", "pim-1").id}]}
        elbv2.deregister_targets(**told)
        until = time.monotonic() + 20  # it drains first
        while elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] and time.monotonic() < until:
            time.sleep(0.1)
        return lambda: elbv2.register_targets(**told)

    return Flip("target groups", change)


@cache
def nothing_mounted(host: str) -> Flip:
    def change(world: World) -> Undo:
        was = door().run(host, ("cat", "/proc/mounts"), deadline=30.0).text
        world.act("host-file", host=host, path="/proc/mounts", text="/dev/xvda1 / ext4 rw 0 0\n")
        return lambda: world.act("host-file", host=host, path="/proc/mounts", text=was)

    return Flip("hosts", change, host)


@cache
def no_way_to_the_client() -> Flip:
    def change(world: World) -> Undo:
        ec2 = world.aws("ec2")
        table = world.found("route-table", "client-private-a")
        ways = [(to, gateway) for to, gateway in table.facts["ways"].items() if gateway.startswith("vgw-")]
        for to, _ in ways:
            ec2.delete_route(RouteTableId=table.id, DestinationCidrBlock=to)
        return lambda: [ec2.create_route(RouteTableId=table.id, DestinationCidrBlock=to, GatewayId=gateway) for to, gateway in ways]

    return Flip("network", change)


def elsewhere(config: dict[str, Any]) -> None:
    config["Origins"]["Items"][0]["DomainName"] = "elsewhere.example"


VANISHES = {
    ("distribution static.client.url", "load-balancer client-magento-alb"): flips.distribution("static.client.url", elsewhere),
    ("load-balancer client-pim-alb", "target-group client-pim"): answers_itself(),
    ("target-group client-pim", "hosts client-pim"): taken_out(),
    ("hosts client-pim", "database client-shared"): flips.shut_out("client-rds-shared", "client-pim", 3306),
    ("hosts client-magento-prod-bo", "cache client-redis-prod"): flips.shut_out("client-redis-prod", "client-magento-prod", 6379),
    ("hosts client-magento-preprod-bo", "instance nfs"): nothing_mounted("pp-be"),
    ("database client-magento-prod", "standby client-magento-prod"): flips.database(
        "client-magento-prod", {"MultiAZ": False}, {"MultiAZ": True}
    ),
    ("nat-gateway client-nat-a", "subnet client-private-a"): flips.way_out(".101.0/24"),
    ("internet-gateway client", "subnet client-public-a"): flips.way_out(".1.0/24"),
    ("ipsec-link DLM-Lan", "subnet client-private-a"): no_way_to_the_client(),
}  # fmt: skip


@pytest.mark.parametrize("ends", VANISHES, ids=" to ".join)
def test_a_relation_goes_with_the_truth_behind_it(world: World, ends: tuple[str, str]) -> None:
    assert ends in related(things_of(world.before))
    after = related(things_of(world.changed(VANISHES[ends])))
    assert ends not in after
    assert after  # the others stay


@cache
def with_a_copy(source: str) -> Flip:
    if source == "databases":
        told = {"DBInstanceIdentifier": "copy", "SourceDBInstanceIdentifier": "client-shared"}
        back: dict[str, Any] = {"DBInstanceIdentifier": "copy", "SkipFinalSnapshot": True}
        return flips.called(source, "rds", "create_db_instance_read_replica", "delete_db_instance", told, back)
    told = {"ReplicationGroupId": "one-copied", "ReplicationGroupDescription": "x", "Engine": "redis", "CacheNodeType": "cache.t3.micro"}
    more: dict[str, Any] = {"NumNodeGroups": 1, "ReplicasPerNodeGroup": 1, "AutomaticFailoverEnabled": True}
    return flips.called(
        source, "elasticache", "create_replication_group", "delete_replication_group", told | more, {"ReplicationGroupId": "one-copied"}
    )


@pytest.mark.parametrize(
    ("source", "ends"),
    [
        ("databases", ("database client-shared", "database copy")),
        ("caches", ("cache one-copied", "replica one-copied-002")),
    ],
)
def test_a_copy_is_drawn_as_long_as_it_is_there(world: World, source: str, ends: tuple[str, str]) -> None:
    assert ends not in related(things_of(world.before))
    assert ends in related(things_of(world.changed(with_a_copy(source))))


def host(name: str, **facts: Any) -> Thing:
    return Thing("instance", f"i-{name}", name, {"beanstalk": "shop", "groups": ["sg-shop"], "private_ip": "10.0.1.4"} | facts)


def only(**things: list[Thing]) -> Things:
    return dict.fromkeys(topology.KINDS, ()) | {kind.replace("_", "-"): rows for kind, rows in things.items()}


def traffic(things: Things) -> list[Relation]:
    return relations.of_traffic(things, relations.groups_of_hosts(things))


def test_how_many_targets_are_well_is_said() -> None:
    group = Thing("target-group", "shop", "shop", {"targets": {"i-a": "healthy", "i-b": "unhealthy", "i-elsewhere": "healthy"}})
    (found,) = traffic(only(instance=[host("a"), host("b")], target_group=[group]))
    assert found == (("target-group", "shop"), (HOSTS, "shop"), "1 healthy, 1 unhealthy", False, "warn")


def test_who_is_let_in_by_an_address_counts_and_an_odd_rule_hurts_nobody() -> None:
    rules = [{"ports": [3306, 3306], "from": "10.0.1.0/29"}, {"ports": [0, 65535], "from": "pl-1"}, {"ports": [1, 1], "from": "::/0"},
             {"ports": [1, 1], "from": "no/range"}]  # fmt: skip
    stored = Thing("database", "db", "", {"groups": ["sg-db"]})
    hosts = [host("a"), host("b", private_ip="10.0.1.200"), host("c", private_ip="")]
    (found,) = traffic(only(instance=hosts, database=[stored], security_group=[Thing("security-group", "sg-db", "", {"in": rules})]))
    assert (found.said, found.may) == ("its security group lets 1 of 3 hosts in on port 3306", True)


def test_many_hosts_and_databases_with_the_same_groups_are_compared_once() -> None:
    rules = [{"ports": [3306, 3306], "from": f"10.{number}.0.0/16"} for number in range(20)]
    hosts = [host(str(number), private_ip=f"10.7.{number // 250}.{number % 250}") for number in range(2000)]
    stored = [Thing("database", str(number), "", {"groups": ["sg-db"]}) for number in range(14)]
    with patch.object(relations, "_fits", wraps=relations._fits) as compared:
        found = traffic(only(instance=hosts, database=stored, security_group=[Thing("security-group", "sg-db", "", {"in": rules})]))
    assert compared.call_count == len(hosts) * len(rules)
    assert {each.said for each in found} == {"its security group lets 2000 hosts in on port 3306"}
    assert len(found) == 14


def test_a_share_that_one_host_lacks_is_said() -> None:
    says = [Thing("host", each, each, {"mounts": {point: "10.0.1.9:/x"} if point else {}}) for each, point in (("a", "/m"), ("b", ""))]
    (found,) = traffic(only(instance=[host("a"), host("b"), host("c"), host("nfs", private_ip="10.0.1.9", beanstalk="")], host=says))
    assert found.target == ("instance", "i-nfs")
    assert (found.said, found.light) == ("1 share mounted on 1 of 2 hosts that answered: /m", "warn")


def test_which_volume_is_behind_a_share_is_known(world: World) -> None:
    told = world.found("host", "nfs").facts["volumes"]
    names = {each.id: each.name for each in world.before.every("volume")}
    assert {point: names[volume] for point, volume in told.items()} == {"/srv/media": "nfs-data-f", "/srv/data": "nfs-data-g"}


def test_all_of_the_sandbox_has_its_place_and_its_line(world: World) -> None:
    """Each line begins and ends at something that is drawn; none lies upon a box that it does not lead to."""
    things = things_of(world.before)
    drawing = topology.drawn(things)
    ids = {box.id for box in drawing.boxes} | {node.id for node in drawing.nodes} | {node.id for box in drawing.boxes for node in box.nodes}
    assert {end for line in drawing.lines for end in (*line.sources.split(), line.target)} <= ids
    assert {(source, line.target) for line in drawing.lines for source in line.sources.split()} == {
        ("/".join(each.source), "/".join(each.target)) for each in related(things).values()
    }
    inside = [(node.x + node.width, node.y + node.height) for node in drawing.nodes]
    inside += [(box.x + box.width, box.y + box.height) for box in drawing.boxes]
    assert max(x for x, _ in inside) <= drawing.width
    assert max(y for _, y in inside) <= drawing.height
