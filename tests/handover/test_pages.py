"""The hand-over and estate pages and their API: works, wrong method, stranger refused, bad input, and no more questions with more rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from estate import inventory
from estate.models import BeanstalkEnvironment, Host, Resource, TargetGroup, Watched
from handover import actions, document, estate_rows, export, judging, rows
from handover.checks.network import lets_nobody_in_from_outside
from handover.checks.seen import Seen
from handover.models import Change, Standing, Statement, Verdict
from handover.observed import Observed, grouped
from people.models import AuditEntry, Operator
from people.notifications.models import Notification
from remote.aws.found import Found
from runs.models import Run
from tests import scenery

pytestmark = pytest.mark.django_db
DATABASES = inventory.source("databases")


def database(name: str = "client-magento-prod", **facts: Any) -> Found:
    known = {"class": "db.r4.4xlarge", "multi_az": True, "public": False, "retention_days": 1, "status": "available", "groups": []}
    return Found("database", name, name, known | facts)


def seen(*found: Found) -> None:
    """The databases, as AWS would have answered."""
    inventory.keep(DATABASES, found)
    now = timezone.now()
    Watched.objects.update_or_create(name=inventory.watched_name(DATABASES), defaults={"tried": now, "answered": now, "error": ""})
    judging.judge_all()


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


PAGES = (
    "/handover/",
    "/handover/document/",
    "/handover/document.md",
    "/handover/claims/137/",
    "/estate/",
    "/estate/?group=Data",
    "/estate/topology/",
    "/estate/topology.svg",
)


@pytest.mark.parametrize("path", PAGES)
def test_a_viewer_sees_each_page_and_a_stranger_none(client: Client, viewer: Operator, stranger: Operator, path: str) -> None:
    assert client.get(path).status_code == 302
    client.force_login(stranger)
    assert client.get(path).status_code == 403
    client.force_login(viewer)
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 405


def test_before_anything_was_seen_nothing_is_claimed(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    said = page(client, "/handover/?verdict=agrees")
    assert "No claim fits" in said
    assert "Not read yet" in page(client, "/estate/?group=Data")


def test_each_cell_knows_its_title_where_a_phone_shows_no_heads(client: Client, viewer: Operator) -> None:
    seen(database())
    client.force_login(viewer)
    assert '<td data-title="Multi-AZ">yes</td>' in page(client, "/estate/?group=Data")


def test_every_claim_is_on_the_page_with_what_was_observed(client: Client, viewer: Operator) -> None:
    seen(database())
    client.force_login(viewer)
    said = page(client, "/handover/?all=1")
    assert said.count('class="plain"') == len(document.claims()) == 283
    assert "client-magento-prod: class db.r4.4xlarge" in said


def test_a_change_is_kept_told_once_and_shown(client: Client, viewer: Operator) -> None:
    from people.notifications.models import Notification

    seen(database())
    seen(database(**{"class": "db.r5.4xlarge"}))
    seen(database(**{"class": "db.r5.4xlarge"}))
    changes = list(Change.objects.filter(claim=137))
    assert [(each.before, each.after) for each in changes] == [(Verdict.AGREES, Verdict.DIFFERS), ("", Verdict.AGREES)]
    assert Notification.objects.filter(kind="drift", url="/handover/claims/137/").count() == 1
    client.force_login(viewer)
    said = page(client, "/handover/claims/137/")
    assert "db.r5.4xlarge" in said
    assert "agrees → differs" in said


def drifts() -> int:
    return Notification.objects.filter(kind="drift").count()


def test_what_a_run_of_ours_does_on_its_way_is_no_drift(releaser: Operator) -> None:
    seen(database())
    rolling = scenery.rolling(releaser)
    seen(database(multi_az=False))
    judging.judge_all()
    assert drifts() == 0
    assert Change.objects.filter(before=Verdict.AGREES, after=Verdict.DIFFERS).exists()  # the page says it all the same
    seen(database())  # as it was, when the run is over
    Run.objects.filter(pk=rolling.pk).update(state=Run.State.SUCCEEDED, ended=timezone.now())
    judging.judge_all()
    assert drifts() == 0


def test_what_still_differs_when_it_was_looked_at_after_the_run_is_told_then_once(releaser: Operator) -> None:
    seen(database())
    rolling = scenery.rolling(releaser)
    seen(database(multi_az=False))
    Run.objects.filter(pk=rolling.pk).update(state=Run.State.SUCCEEDED, ended=timezone.now())
    BeanstalkEnvironment.objects.update(status="Ready")
    judging.judge_all()
    assert drifts() == 0  # what is known of it is from before the run's end
    seen(database(multi_az=False))
    told = drifts()
    assert told > 0
    judging.judge_all()
    assert drifts() == told


def test_what_somebody_elses_deployment_does_on_its_way_is_no_drift() -> None:
    seen(database())
    at = {"version": "r1", "health": "Grey", "health_status": "Info", "seen": timezone.now()}
    deployed = BeanstalkEnvironment(name="client-magento-prod", application="client-magento", status="Updating", **at)
    deployed.save()
    seen(database(multi_az=False))
    assert drifts() == 0
    deployed.status, deployed.updated = "Ready", timezone.now()
    deployed.save()
    judging.judge_all()
    assert drifts() == 0  # what is known of it is from before its end
    seen(database(multi_az=False))
    assert drifts() > 0


def test_no_run_explains_a_difference_for_long(releaser: Operator) -> None:
    seen(database())
    scenery.rolling(releaser)
    seen(database(multi_az=False))
    earlier = timezone.now() - judging.EXPLAINED
    Change.objects.filter(after=Verdict.DIFFERS).update(at=earlier)
    Standing.objects.filter(verdict=Verdict.DIFFERS).update(since=earlier)
    judging.judge_all()
    assert drifts() > 0


def test_what_cannot_be_looked_at_any_more_is_no_drift() -> None:
    from people.notifications.models import Notification

    seen(database())
    seen()
    assert Change.objects.filter(claim=139).first() is None or not Notification.objects.filter(url="/handover/claims/139/").exists()
    assert judging.judge(document.claim(139) or pytest.fail("no claim 139"), judging.observed_now()).observed is Verdict.CANNOT


def test_an_answer_settles_a_question_and_is_in_the_trail(client: Client, releaser: Operator) -> None:
    seen(database())
    client.force_login(releaser)
    assert "open question" in page(client, "/handover/claims/278/")
    response = client.post("/handover/claims/278/answer/", {"text": "The operator runs both."})
    assert response.status_code == 302
    said = page(client, "/handover/claims/278/")
    assert "The operator runs both." in said
    assert AuditEntry.objects.filter(action="claim answer").count() == 1


def test_what_differs_is_accepted_until_a_day_and_taken_back(client: Client, releaser: Operator) -> None:
    seen(database(multi_az=False))
    client.force_login(releaser)
    until = (timezone.localdate() + timedelta(days=30)).isoformat()
    assert client.post("/handover/claims/138/accept/", {"text": "Cheaper for now.", "until": until}).status_code == 302
    assert "accepted" in page(client, "/handover/claims/138/")
    assert judging.with_people(
        document.claim(138) or pytest.fail("none"),
        judging.Outcome(Verdict.DIFFERS, ""),
        Statement.objects.filter(claim=138),
        timezone.localdate() + timedelta(days=31),
    ).verdict is Verdict.DIFFERS  # fmt: skip
    assert client.post("/handover/claims/138/withdraw/", {"text": "No longer."}).status_code == 302
    assert Change.objects.filter(claim=138).first().after == Verdict.DIFFERS  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "path, data, words",
    [
        ("/handover/claims/137/answer/", {"text": "x"}, "asks nothing"),
        ("/handover/claims/278/answer/", {"text": "  "}, "Say why"),
        ("/handover/claims/278/answer/", {"text": "x" * 600}, "500 characters"),
        ("/handover/claims/266/answer/", {"text": "the usual one"}, "has to name one of these branches: master, "),
        ("/handover/claims/137/accept/", {"text": "x", "until": "soon"}, "is no day"),
        ("/handover/claims/137/accept/", {"text": "x", "until": "1999-01-01"}, "from today on"),
        ("/handover/claims/137/withdraw/", {"text": "x"}, "is not accepted"),
    ],
)
def test_what_is_said_badly_is_refused_in_words(client: Client, releaser: Operator, path: str, data: dict[str, str], words: str) -> None:
    client.force_login(releaser)
    response = client.post(path, data)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Statement.objects.exists()


def test_who_may_not_say_anything(client: Client, operator: Operator) -> None:
    client.force_login(operator)
    response = client.post("/handover/claims/278/answer/", {"text": "x"})
    assert response.status_code == 403
    assert not Statement.objects.exists()
    assert client.get("/handover/claims/278/answer/").status_code == 405
    assert client.get("/handover/claims/9999/").status_code == 404
    assert client.get("/estate/database/none/").status_code == 404


def test_the_answer_about_the_branch_is_what_plans_propose(client: Client, releaser: Operator) -> None:
    from estate import answers
    from estate.reading import current

    target = current().target("magento", "production")
    assert answers.configuration_branch(target) == target.configuration.branches[0] == "prod"
    claim = document.claim(actions.CONFIGURATION_BRANCH)
    assert claim is not None
    client.force_login(releaser)
    assert 'value="prod" checked' in page(client, "/services/magento/production/")
    actions.answer(claim, "master, since the move", by=releaser)
    assert answers.configuration_branch(target) == "master"
    said = page(client, "/services/magento/production/")
    assert 'value="master" checked' in said
    assert "so was the open question of the hand-over document answered" in said
    assert answers.configuration_branch(current().target("magento", "pre-production")) == "preprod"


def test_the_corrected_document_says_what_is_and_how_the_console_does_it(client: Client, viewer: Operator) -> None:
    seen(database())
    client.force_login(viewer)
    text = page(client, "/handover/document.md")
    assert "--force --area frontend --theme Client/dlm fr_FR" in text
    assert "The runbook, as the console runs it" in text
    assert text.count("\n- ") == 283
    assert "\n- - " not in text
    asked = [claim.question for claim in document.claims() if claim.question and not claim.check]
    assert asked
    for question in asked:
        assert f"Observed: {question}" not in text  # nobody has looked, and it is not said twice


def test_the_runbook_of_the_corrected_document_is_the_plan_of_a_release(client: Client, viewer: Operator) -> None:
    """In the document's order: closed, deployed host by host, statics, caches, open again; with every command."""
    client.force_login(viewer)
    for where in ("/handover/document.md", "/handover/document/"):
        text = unescape(page(client, where))
        commands = [
            "git ls-remote -- ",
            "maintenance:enable",
            "aws s3 cp LABEL.zip s3://elasticbeanstalk-eu-west-3-123456789012/ops-console/LABEL.zip",
            "create-application-version --application-name client-magento --version-label LABEL",
            "update-environment --environment-name client-magento-prod-bo --version-label LABEL",
            "update-environment --environment-name client-magento-prod --version-label LABEL",
            "sudo find /var/app/current/pub/static -mindepth 1",
            "--area frontend --theme Client/dlm fr_FR",
            "--area adminhtml en_US fr_FR",
            "cache:flush",
        ]
        runbook = text[text.index("The runbook, as the console runs it") :]
        places = [runbook.index(command) for command in commands]
        assert places == sorted(places), where
        assert runbook.rindex("maintenance:disable") > places[-1]
        assert "one host of client-magento-prod" in runbook
        assert "On each of the 4 hosts of client-magento-prod:" in runbook[runbook.index("update-environment") :]


def test_what_is_corrected_is_marked_so_and_not_as_a_difference() -> None:
    claim = next(each for each in document.claims() if each.corrected and not each.question)
    row = rows.Row(claim, Verdict.DIFFERS, Verdict.DIFFERS, "seen", (), None, None)
    (section,) = export.sections([row])
    assert (section.lines[0].text, section.lines[0].mark, section.lines[0].was) == (claim.corrected, "corrected", claim.sentence)


def test_a_card_has_facts_claims_and_what_belongs_to_it(client: Client, viewer: Operator) -> None:
    seen(database())
    client.force_login(viewer)
    said = page(client, "/estate/database/client-magento-prod/")
    assert "db.r4.4xlarge" in said
    assert "two r4.4xlarge" in said


def test_what_could_not_be_read_is_said_on_the_page(client: Client, viewer: Operator) -> None:
    seen(database())
    Watched.objects.filter(name=inventory.watched_name(DATABASES)).update(error="rds describe-db-instances: AccessDenied")
    client.force_login(viewer)
    said = page(client, "/estate/?group=Data")
    assert "AccessDenied" in said
    assert "client-magento-prod" in said


def test_text_of_the_estate_is_text(client: Client, viewer: Operator) -> None:
    seen(database("<script>alert(1)</script>"))
    client.force_login(viewer)
    assert "<script>alert(1)" not in page(client, "/estate/?group=Data")


@pytest.mark.parametrize("path", ["/estate/?group=Data", "/estate/?group=Hosts", "/handover/", "/api/v1/resources", "/api/v1/claims"])
def test_questions_do_not_grow_with_rows(
    client: Client, viewer: Operator, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    seen(database())
    now = timezone.now()
    make: Callable[..., Any] = lambda start, count: Resource.objects.bulk_create(  # noqa: E731
        Resource(kind=kind, key=f"{kind}-{number}", name=f"n{number}", source="x", facts={"size": number}, first_seen=now, changed=now)
        for kind in ("database", "instance", "bucket")
        for number in range(start, start + count)
    )
    make(0, 1)
    client.force_login(viewer)
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    make(1, 2000)
    with django_assert_num_queries(len(few)):
        assert client.get(path).status_code == 200


def test_claims_for_machines(client: Client, viewer: Operator) -> None:
    seen(database())
    client.force_login(viewer)
    first = client.get("/api/v1/claims?limit=100").json()
    assert [each["id"] for each in first["items"]] == list(range(1, 101))
    claims, cursor = list(first["items"]), first["next"]
    while cursor:
        more = client.get(f"/api/v1/claims?limit=100&cursor={cursor}").json()
        claims, cursor = claims + more["items"], more["next"]
    assert len(claims) == 283
    assert {"id", "line", "sentence", "verdict", "check", "observation", "checked_at"} <= set(claims[0])
    one = client.get("/api/v1/claims/137").json()
    assert (one["verdict"], one["check"]) == ("agrees", "is_there")
    assert one["checked_at"]
    assert client.get("/api/v1/claims/9999").status_code == 404
    assert client.get("/api/v1/claims?limit=0").status_code == 422
    assert client.get("/api/v1/resources?kind=database").json()["items"][0]["key"] == "client-magento-prod"


def test_the_topology_is_drawn_from_what_was_observed(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    assert "Nothing has been observed yet" in page(client, "/estate/topology/")
    subnet = Found("subnet", "subnet-1", "client-private-a", {"vpc": "vpc-1", "cidr": "10.0.101.0/24", "zone": "eu-west-3a"})
    host = Found("instance", "i-1", "<nfs>", {"subnet": "subnet-1", "state": "stopped", "private_ip": "10.0.101.30", "type": "m5.large"})
    inventory.keep(inventory.source("network"), [Found("vpc", "vpc-1", "client", {"cidr": "10.0.0.0/16", "default": False}), subnet])
    inventory.keep(inventory.source("machines"), [host])
    said = page(client, "/estate/topology/")
    assert "eu-west-3a · private 10.0.101.0/24" in said
    assert "&lt;nfs&gt;" in said
    assert "stopped · 10.0.101.30 m5.large" in said
    assert 'href="/estate/instance/i-1/"' in said
    inventory.keep(inventory.source("machines"), [])
    assert "i-1" not in page(client, "/estate/topology/")
    exported = client.get("/estate/topology.svg")
    assert exported.headers["Content-Type"] == "image/svg+xml"
    assert ElementTree.fromstring(exported.content.decode()).tag.endswith("svg")  # noqa: S314 -- our own


def test_a_hosts_card_says_which_volume_is_behind_what(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    inventory.keep(inventory.source("machines"), [Found("instance", "i-1", "nfs", {"state": "running"})])
    inventory.keep(inventory.source("volumes"), [Found("volume", f"vol-{each}", f"data-{each}", {"instance": "i-1"}) for each in "ab"])
    inventory.keep(inventory.source("hosts"), [Found("host", "nfs", "nfs", {"volumes": {"/srv/media": "vol-a"}})])
    said = page(client, "/estate/instance/i-1/")
    assert "volume behind /srv/media" in said
    assert said.count(" behind ") == 1


def test_the_topology_names_what_could_not_be_read_and_how_old_it_is(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    seen(database())
    groups = inventory.watched_name(inventory.source("target groups"))
    Watched.objects.create(name=groups, answered=timezone.now() - timedelta(minutes=19), error="AccessDenied <b>")
    said = page(client, "/estate/topology/")
    assert "The oldest of it, target groups, was read " in said
    assert "19 min" in said
    assert "AccessDenied &lt;b&gt;" in said


def test_the_topology_has_the_newest_word_of_a_target(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    inventory.keep(inventory.source("machines"), [Found("instance", "i-1", "fe-1", {"beanstalk": "shop", "state": "running"})])
    inventory.keep(inventory.source("target groups"), [Found("target-group", "shop", "shop", {"targets": {"i-1": "healthy"}})])
    now = timezone.now()
    Watched.objects.create(name=inventory.watched_name(inventory.source("target groups")), answered=now)
    place = {"name": "fe-1", "beanstalk": "shop", "seen": now}
    host = Host.objects.create(instance_id="i-1", target_state="unhealthy", target_seen=now - timedelta(minutes=1), **place)
    TargetGroup.objects.create(arn="arn:shop", name="shop", beanstalk="shop", seen=now)
    assert "1 of 1 target healthy" in page(client, "/estate/topology/"), "that was before"
    Host.objects.filter(pk=host.pk).update(target_seen=now + timedelta(minutes=1))
    said = page(client, "/estate/topology/")
    assert "0 of 1 target healthy" in said
    assert "1 unhealthy" in said
    TargetGroup.objects.create(arn="arn:other", name="other", beanstalk="shop", seen=now)
    assert "1 of 1 target healthy" in page(client, "/estate/topology/"), "the other may have said so"


def test_a_full_subnet_is_drawn_in_part_and_the_rest_is_counted(client: Client, viewer: Operator) -> None:
    frame = [Found("vpc", "vpc-1", "client", {"cidr": "10.0.0.0/16", "default": False})]
    frame += [
        Found("subnet", f"subnet-{zone}", zone, {"vpc": "vpc-1", "cidr": f"10.0.{number}.0/24", "zone": f"eu-west-3{zone}"})
        for number, zone in enumerate("ab")
    ]
    frame += [Found("internet-gateway", f"igw-{vpc}", "", {"vpcs": [vpc]}) for vpc in ("vpc-1", "vpc-2")]
    inventory.keep(inventory.source("network"), frame)
    hosts = [Found("instance", f"i-{number:02}", "", {"subnet": "subnet-a", "state": "running"}) for number in range(20)]
    inventory.keep(inventory.source("machines"), [*hosts, Found("instance", "i-b", "", {"subnet": "subnet-b", "state": "running"})])
    client.force_login(viewer)
    said = page(client, "/estate/topology/")
    assert said.count('href="/estate/instance/') == 14 + 1
    assert re.findall(r"and (\d+) more", said) == ["6"]
    assert "igw-vpc-2" not in said


HOSTILE_KEYS = ["i-1", "arn:aws:x:y/z", "a b", "ü", '<&">', "a?b#c", "%2e", "..", "//x", "a;b=c,d+e"]


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_a_card_is_where_the_lists_say(client: Client, viewer: Operator, key: str) -> None:
    assert estate_rows.card_of("database")(key) == reverse("handover:resource", args=("database", key))
    if key != "..":  # a browser would walk up; AWS has no such name
        seen(database(key))
        client.force_login(viewer)
        assert client.get(estate_rows.card_of("database")(key)).status_code == 200


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"ports": [443, 443], "from": "10.0.0.0/16", "about": "inside"}, "443 from 10.0.0.0/16 (inside)"),
        ({"ports": [21100, 21110], "from": "sg-1", "about": ""}, "21100–21110 from sg-1"),
        ({"ports": [0, 65535], "from": "0.0.0.0/0", "about": ""}, "every port from 0.0.0.0/0"),
        ({"protocol": "tcp", "ports": [53, 53], "from": "sg-1", "about": ""}, "53 from sg-1"),
        ({"protocol": "udp", "ports": [53, 53], "from": "sg-1", "about": ""}, "UDP 53 from sg-1"),
        ({"protocol": "icmp", "ports": [8, -1], "from": "10.0.0.0/16", "about": "echo"}, "ICMP type 8 from 10.0.0.0/16 (echo)"),
        ({"protocol": "icmpv6", "ports": [-1, -1], "from": "::/0", "about": ""}, "ICMPv6 from ::/0"),
        ({"protocol": "-1", "ports": [0, 65535], "from": "sg-1", "about": ""}, "every port from sg-1"),
        ({"protocol": "50", "ports": [0, 65535], "from": "sg-1", "about": ""}, "protocol 50 from sg-1"),
    ],
)
def test_a_rule_of_a_security_group_reads_as_a_sentence(rule: dict[str, Any], words: str) -> None:
    assert estate_rows.said([rule]) == words


def test_who_is_let_in_from_outside_is_said_in_the_same_words_and_icmp_has_no_port() -> None:
    echo = {"protocol": "icmp", "ports": [8, -1], "from": "203.0.113.0/24", "about": ""}
    web = {"protocol": "tcp", "ports": [80, 81], "from": "203.0.113.0/24", "about": ""}

    def seen(*rules: dict[str, Any], port: int = 0) -> Seen:
        things = [
            Found("vpc", "vpc-1", "", {"cidr": "10.0.0.0/16"}),
            Found("security-group", "sg-1", "", {"in": list(rules)}),
            Found("instance", "i-1", "custom-1", {"groups": ["sg-1"]}),
        ]
        return lets_nobody_in_from_outside(Observed(grouped(things)), kind="instance", names=["custom-1"], port=port)

    assert not seen(echo).agrees
    assert seen(echo, web).said == "custom-1: ICMP type 8 from 203.0.113.0/24, custom-1: 80–81 from 203.0.113.0/24"
    # Of the document's FTP: a type and a code of ICMP are no ports.
    assert seen({**echo, "ports": [3, 30]}, port=21).agrees
    assert not seen(web, port=80).agrees


def test_a_fact_of_a_card_has_its_usual_name() -> None:
    row = Resource(kind="instance", facts={"private_ip": "10.0.0.1", "vpc": "vpc-1", "managed_by": "terraform"})
    assert [name for name, _ in estate_rows.facts(row)] == ["Private IP", "VPC", "Managed by"]
