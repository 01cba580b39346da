"""Where visitors' requests go, and what health makes of the answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import loadbalancing, targets
from sandbox.aws.balancer import route
from tests.sandbox.conftest import Estate, until

PROD, PREPROD, BACK = "client-magento-prod", "client-magento-preprod", "client-magento-preprod-bo"
SHOP = "www.client.url"


def visit(estate: Estate, path: str, host: str = SHOP, **headers: str) -> tuple[int, str]:
    status, _, _, served_by = route(estate.world, host, path, headers, "192.0.2.7")
    return status, served_by


@pytest.fixture
def listener(estate: Estate) -> str:
    elbv2 = estate.client("elbv2")
    balancer = elbv2.describe_load_balancers(Names=["client-magento-alb"])["LoadBalancers"][0]["LoadBalancerArn"]
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    return str(next(found["ListenerArn"] for found in listeners if found["Port"] == 443))


@pytest.fixture
def curtain(estate: Estate, listener: str) -> Iterator[Any]:
    """Makes rules, and takes them away again."""
    elbv2, made = estate.client("elbv2"), []

    def draw(priority: int, conditions: list[dict[str, Any]], actions: list[dict[str, Any]]) -> str:
        rule = elbv2.create_rule(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=actions)["Rules"][0]
        made.append(rule["RuleArn"])
        return str(rule["RuleArn"])

    yield draw
    for arn in made:
        elbv2.delete_rule(RuleArn=arn)


def fixed(status: int, body: str = "Closed") -> list[dict[str, Any]]:
    answer = {"StatusCode": str(status), "ContentType": "text/html", "MessageBody": body}
    return [{"Type": "fixed-response", "FixedResponseConfig": answer}]


EVERYTHING = [{"Field": "path-pattern", "Values": ["/*"]}]


def test_the_back_office_has_its_own_host_and_the_rest_goes_round(estate: Estate) -> None:
    assert visit(estate, "/backend/admin") == (200, "be")
    assert visit(estate, "/", "preprod.client.url") == (200, "pp-fe-1")
    assert {visit(estate, "/page")[1] for _ in range(8)} == {"fe-1", "fe-2", "fe-3", "fe-4"}


def test_a_curtain_answers_by_itself_and_may_be_passed_by_with_a_secret(estate: Estate, curtain: Any) -> None:
    group = estate.client("elbv2").describe_target_groups(Names=[PROD])["TargetGroups"][0]["TargetGroupArn"]
    secret = [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Maint-Bypass", "Values": ["open-sesame"]}}]
    curtain(5, EVERYTHING, fixed(503))
    curtain(1, secret, [{"Type": "forward", "TargetGroupArn": group}])

    assert visit(estate, "/") == (503, "")
    assert visit(estate, "/", **{"X-Maint-Bypass": "open-sesame"})[0] == 200
    assert visit(estate, "/", **{"X-Maint-Bypass": "guess"}) == (503, "")


def test_a_rule_for_addresses_lets_the_office_in(estate: Estate, curtain: Any) -> None:
    group = estate.client("elbv2").describe_target_groups(Names=[PROD])["TargetGroups"][0]["TargetGroupArn"]
    curtain(5, EVERYTHING, fixed(503))
    curtain(2, [{"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24"]}}], [{"Type": "forward", "TargetGroupArn": group}])
    assert visit(estate, "/")[0] == 200
    assert route(estate.world, SHOP, "/", {}, "198.51.100.1")[0] == 503


def test_a_page_of_more_than_1024_characters_is_refused(estate: Estate, curtain: Any) -> None:
    with pytest.raises(ClientError, match="less than or equal to 1024"):
        curtain(7, EVERYTHING, fixed(503, "x" * 1025))
    assert curtain(7, EVERYTHING, fixed(503, "x" * 1024))


def test_a_priority_in_use_is_refused(estate: Estate, curtain: Any) -> None:
    with pytest.raises(ClientError, match="PriorityInUse"):
        curtain(10, EVERYTHING, fixed(503))


def test_a_host_that_fails_its_health_check_gets_no_visitors(estate: Estate) -> None:
    group = estate.client("elbv2").describe_target_groups(Names=[PROD])["TargetGroups"][0]["TargetGroupArn"]

    def state() -> dict[str, str]:
        found = estate.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return dict(next(target["TargetHealth"] for target in found if target["Target"]["Id"] == "i-012e92fb498ad40d7"))

    estate.hosts.statuses["fe-2", "/pub/health_check.php"] = 500
    until(lambda: state()["State"] == "unhealthy")
    assert state()["Reason"] == "Target.ResponseCodeMismatch"
    assert state()["Description"] == "Health checks failed with these codes: [500]"
    assert "fe-2" not in {visit(estate, "/")[1] for _ in range(12)}

    estate.hosts.statuses.clear()
    until(lambda: state()["State"] == "healthy")
    assert "fe-2" in {visit(estate, "/")[1] for _ in range(12)}


def test_a_host_that_leaves_drains_and_then_is_gone(estate: Estate) -> None:
    elbv2 = estate.client("elbv2")
    group = elbv2.describe_target_groups(Names=[PROD])["TargetGroups"][0]["TargetGroupArn"]
    leaving = [{"Id": "i-0e5a90c37db14f826"}]
    speed, estate.world.clock.speed = estate.world.clock.speed, 1
    try:
        elbv2.deregister_targets(TargetGroupArn=group, Targets=leaving)

        (told,) = elbv2.describe_target_health(TargetGroupArn=group, Targets=leaving)["TargetHealthDescriptions"]
        assert told["TargetHealth"] == {
            "State": "draining",
            "Reason": "Target.DeregistrationInProgress",
            "Description": "Target deregistration is in progress",
        }
        assert {name for _, name in (visit(estate, "/") for _ in range(8))} == {"fe-1", "fe-2", "fe-4"}, "it gets no new requests"
    finally:
        estate.world.clock.speed = speed
    until(lambda: len(elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]) == 3)
    elbv2.register_targets(TargetGroupArn=group, Targets=leaving)
    host = estate.world.host("fe-3")
    assert estate.aws.targets.look(PROD, host).state == targets.INITIAL
    until(lambda: estate.aws.targets.look(PROD, host).state == targets.HEALTHY)


@pytest.mark.parametrize("delay, status", [("20", 502), ("300", 200)])
def test_what_is_under_way_on_a_host_that_leaves_has_until_its_draining_ends(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, delay: str, status: int
) -> None:
    elbv2, host = estate.client("elbv2"), estate.world.host("pp-fe-1")
    group = elbv2.describe_target_groups(Names=[PREPROD])["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": loadbalancing.DELAY, "Value": delay}])
    answer, came = estate.aws.answer, threading.Event()

    def answering(*asked: Any) -> Any:
        came.set()
        return answer(*asked)

    monkeypatch.setattr(estate.aws, "answer", answering)
    speed, estate.world.clock.speed = estate.world.clock.speed, 1  # so that the host leaves while the page is under way
    try:
        with ThreadPoolExecutor(1) as pool:
            visited = pool.submit(visit, estate, "/export.html", "preprod.client.url")
            assert came.wait(5)
            elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": host.instance_id}])
            estate.world.clock.speed = 60
            assert visited.result(20)[0] == status
    finally:
        estate.world.clock.speed = speed
    until(lambda: estate.aws.targets.look(PREPROD, host).state == targets.UNUSED)
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": host.instance_id}])
    until(lambda: estate.aws.targets.look(PREPROD, host).state == targets.HEALTHY)
    assert visit(estate, "/export.html", "preprod.client.url")[0] == 200


def test_visitors_who_get_503_make_their_host_severe(estate: Estate) -> None:
    """Maintenance on a host does not fail the health check; the visitors' answers do the harm."""
    estate.hosts.statuses["pp-be", "/backend/orders"] = 503

    def is_severe() -> bool:
        visit(estate, "/backend/orders", "preprod.client.url")
        (health,) = estate.beanstalk.describe_instances_health(EnvironmentName=BACK, AttributeNames=["All"])["InstanceHealthList"]
        return (health["HealthStatus"], health["Causes"]) == ("Severe", ["100.0 % of the requests are failing with HTTP 5xx."])

    until(is_severe)
    assert estate.aws.targets.look(BACK, estate.world.host("pp-be")).state == targets.HEALTHY
    told = "Environment health has transitioned from Ok to Severe. 100.0 % of the requests are failing with HTTP 5xx."

    def is_told() -> bool:
        visit(estate, "/backend/orders", "preprod.client.url")
        return any(event.message == told for event in estate.aws.beanstalk.events(environment=BACK, severity="WARN"))

    until(is_told)
    until(lambda: estate.aws.ledger.environments[BACK].announced == "Ok")
