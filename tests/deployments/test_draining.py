"""How long hosts drain: what a roll asks for, of whom, and what becomes of a change of options that Beanstalk takes back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from django.utils import timezone

from deployments.effects.settings import LATE_ANSWER, Configure
from deployments.steps import PlannedHost
from deployments.strategies import draining
from deployments.strategies.commands import PROCESS
from deployments.strategies.draining import DELAY, Enough
from estate.models import TargetGroup
from remote.aws.session import client
from runs.effects import Context, Done, Failed, Finding, NotDone, Running
from runs.plan import Act
from tests import scenery
from tests.remote.conftest import aim_at
from tests.scenery import Silent

pytestmark = pytest.mark.django_db
FRONT, BACK = "client-magento-prod", "client-magento-prod-bo"
ARN = "arn:aws:elasticloadbalancing:eu-west-3:123456789012"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Stubber]:
    """An AWS that says what a test has it say, by service; held against botocore's model of its answers."""
    aim_at(f"http://127.0.0.1:9/{uuid.uuid4().hex}", monkeypatch)  # an address of its own, so that the clients are this test's alone

    def stub(service: str) -> Stubber:
        found = Stubber(client(service))
        found.activate()
        return found

    return stub


def _hosts(tier: str, number: int) -> list[PlannedHost]:
    return [PlannedHost(f"{tier}-{n}", f"i-{tier}-{n}", f"10.0.101.{n}", tier, FRONT) for n in range(number)]


def _behind(stub: Stubber, name: str, seconds: int) -> None:
    """A target group of that name stands behind a load balancer that waits so long."""
    groups = [
        {"TargetGroupArn": f"{ARN}:{each}", "TargetGroupName": each, "LoadBalancerArns": [f"{ARN}:of-{each}"]} for each in (FRONT, BACK)
    ]
    TargetGroup.objects.create(arn=f"{ARN}:{name}", name=name, beanstalk=name, seen=timezone.now())
    stub.add_response("describe_target_groups", {"TargetGroups": groups}, {})
    told = [{"Key": "idle_timeout.timeout_seconds", "Value": str(seconds)}]
    stub.add_response("describe_load_balancer_attributes", {"Attributes": told}, {"LoadBalancerArn": f"{ARN}:of-{name}"})


def test_each_tier_is_asked_of_its_own_load_balancer_and_one_host_alone_is_left_as_it_is(answers: Callable[[str], Stubber]) -> None:
    elbv2 = answers("elbv2")
    _behind(elbv2, FRONT, 60)
    front_alone = draining.enough(scenery.target(), [*_hosts("back", 1), *_hosts("front", 4)])
    assert front_alone == {"front": Enough(60, "Front end: its load balancer waits 60 s.")}

    TargetGroup.objects.all().delete()
    _behind(elbv2, BACK, 300)
    _behind(elbv2, FRONT, 90)
    both = draining.enough(scenery.target(), [*_hosts("back", 2), *_hosts("front", 2)])
    assert {key: each.seconds for key, each in both.items()} == {"back": 300, "front": 90}
    elbv2.assert_no_pending_responses()


@pytest.mark.parametrize("waits, seconds", [(3600, 3600), (3601, 3600), (4000, 3600)])
def test_no_more_is_asked_for_than_beanstalk_takes(answers: Callable[[str], Stubber], waits: int, seconds: int) -> None:
    _behind(answers("elbv2"), FRONT, waits)
    found = draining.enough(scenery.target(), _hosts("front", 2))["front"]
    assert found.seconds == seconds
    assert ("3600 at most" in found.why) == (waits > seconds)


def test_where_the_load_balancer_is_not_known_the_plan_says_that_it_is_assumed() -> None:
    found = draining.enough(scenery.target(), _hosts("front", 2))
    assert found == {"front": Enough(60, "Front end: its load balancer is not known, so AWS's default of 60 s is assumed.")}


def test_what_stands_is_told_by_tier(answers: Callable[[str], Stubber]) -> None:
    stub = answers("elasticbeanstalk")
    for name, options in ((BACK, {}), (FRONT, {DELAY: "120"})):
        stub.add_response(
            "describe_configuration_settings", _settings(options), {"ApplicationName": "client-magento", "EnvironmentName": name}
        )
    assert draining.now(scenery.target()) == {"back": 20, "front": 120}


def test_a_plan_is_made_where_aws_does_not_say_how_long_hosts_drain(answers: Callable[[str], Stubber]) -> None:
    """It is a figure of the expected times; going back in the night must not hang on it."""
    stub = answers("elasticbeanstalk")
    stub.add_client_error("describe_configuration_settings", "Throttling", "Rate exceeded", 400)
    stub.add_response("describe_configuration_settings", _settings({DELAY: "120"}))
    assert draining.now(scenery.target()) == {"back": 20, "front": 120}


def _settings(options: dict[str, str]) -> dict[str, Any]:
    told = [{"Namespace": PROCESS, "OptionName": name, "Value": value} for name, value in options.items()]
    return {"ConfigurationSettings": [{"DeploymentStatus": "deployed", "OptionSettings": told}]}


def _probed(stub: Stubber, *, status: str = "Ready", stands: str = "20", events: tuple[str, ...] = (), **answer: str) -> Finding:
    """What the probe finds an hour after the intent, where Beanstalk is asked for 60 s at least."""
    stub.add_response("describe_environments", {"Environments": [{"EnvironmentName": FRONT, "Status": status}]})
    if status == "Ready":
        stub.add_response("describe_configuration_settings", _settings({DELAY: stands}))
    began = timezone.now() - timedelta(hours=1)
    said = [
        {"EventDate": began + timedelta(seconds=n), "Message": text, "Severity": "ERROR" if "rror" in text else "INFO"}
        for n, text in enumerate(events)
    ]
    if said:
        stub.add_response("describe_events", {"Events": said[::-1]})
    params = {"application": "client-magento", "beanstalk": FRONT, "namespace": PROCESS, "options": {DELAY: "60"}, "at_least": True}
    act = Act("beanstalk.option", "drain:front", FRONT, params=params)
    return Configure().probe(act, Context(1, 1, {}, began, answer, lambda host: Silent(), lambda: False, 0.0))


def _ago(seconds: float) -> str:
    moment: datetime = timezone.now() - timedelta(seconds=seconds)
    return moment.isoformat()


def test_what_beanstalk_took_and_took_back_has_failed_with_its_reason(answers: Callable[[str], Stubber]) -> None:
    """As where the caller lacks a permission: CloudFormation rolls back. Asked for again it would be rolled back again."""
    stub = answers("elasticbeanstalk")
    late = LATE_ANSWER.total_seconds() + 1
    reasons = ("Environment update is starting.", "Error: not authorized to perform: ModifyTargetGroupAttributes", "Another error.")
    found = _probed(stub, events=reasons, accepted=_ago(late))
    assert found == Failed(
        f"{FRONT} took the request and went back to DeregistrationDelay 20. "
        "Beanstalk says: “Error: not authorized to perform: ModifyTargetGroupAttributes Another error.”"
    )
    assert isinstance(_probed(stub, status="Updating", accepted=_ago(late)), Running)
    assert isinstance(_probed(stub, accepted=_ago(1)), Running), "it has hardly been accepted"
    assert isinstance(_probed(stub), NotDone), "it was never accepted"


def test_what_is_done_is_told_as_it_stands(answers: Callable[[str], Stubber]) -> None:
    assert _probed(answers("elasticbeanstalk"), stands="120", accepted=_ago(60)) == Done(f"{FRONT}: DeregistrationDelay 120")
