"""A release of Magento as rows in the database: what pages are tested against. The plan is a real one; only its facts are made up."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from deployments import estimate, plans
from deployments.models import Evidence
from deployments.steps import PlannedHost, Shipment
from estate.definition import Target
from estate.models import BeanstalkEnvironment, BeanstalkEvent, ShopAnswer, Watched
from estate.models import Host as HostRow
from estate.reading import current
from monitoring.alarms.models import Reading
from people.models import Operator
from runs.models import Effect, LogChunk, LogHead, Plan, Run, Step

OLD, NEW = "r417-3f80d2b", "r418-a91c3e7"
HOSTS = (
    ("be", "i-0c41f7be92d5a3e18", "10.0.101.40", "back"),
    ("fe-1", "i-08d2e6b41f09c7a53", "10.0.101.24", "front"),
    ("fe-2", "i-012e92fb498ad40d7", "10.0.102.37", "front"),
    ("fe-3", "i-0e5a90c37db14f826", "10.0.103.18", "front"),
    ("fe-4", "i-03b7f8d21ce6094ab", "10.0.101.61", "front"),
)


class Silent:
    """Where an effect may write its output, and nothing is kept."""

    def write(self, data: bytes, *, offset: int | None = None) -> None: ...

    def line(self, text: str) -> None: ...


def target() -> Target:
    return current().target("magento", "production")


def planned_hosts() -> list[PlannedHost]:
    tiers = {tier.key: tier.beanstalk for tier in target().tiers}
    return [PlannedHost(name, instance, ip, tier, tiers[tier]) for name, instance, ip, tier in HOSTS]


def observed(*, version: str = OLD, at: datetime | None = None) -> dict[str, HostRow]:
    """Five healthy hosts, both Beanstalk environments Ready, and a shop that is open for a minute."""
    at = at or timezone.now()
    rows = {}
    for host in planned_hosts():
        rows[host.name] = HostRow.objects.create(
            instance_id=host.instance_id,
            name=host.name,
            environment="production",
            service="magento",
            tier=host.tier,
            beanstalk=host.beanstalk,
            private_ip=host.ip,
            zone="eu-west-3a",
            state="running",
            health_status="Ok",
            version=version,
            deployment_status="Deployed",
            target_state="healthy",
            maintenance="off",
            maintenance_seen=at,
            seen=at,
        )
    for tier in target().tiers:
        BeanstalkEnvironment.objects.create(
            name=tier.beanstalk, application="client-magento", version=version, status="Ready", health="Green", health_status="Ok", seen=at
        )
    Watched.objects.create(name="beanstalk:client-magento", tried=at, answered=at)
    shop("open", at - timedelta(seconds=60), 60)
    return rows


def alarms_read(at: datetime) -> Reading:
    """CloudWatch was read whole then."""
    return Reading.objects.create(asked=at, since=at - timedelta(days=500), **dict.fromkeys(Reading.PARTS, at))


def shop(state: str, begin: datetime, seconds: int) -> None:
    ShopAnswer.objects.bulk_create(
        ShopAnswer(
            service="magento", environment="production", time=begin + timedelta(seconds=second), state=state, seconds=0.4 + second % 7 / 20
        )
        for second in range(seconds)
    )


def commit(sha: str, subject: str, *badges: str) -> dict[str, Any]:
    return {
        "sha": sha * 40,
        "subject": subject,
        "author": "Client",
        "when": "2026-11-20T14:52:00+00:00",
        "files": [],
        "badges": list(badges),
    }


def facts(**more: Any) -> dict[str, Any]:
    evidence = [
        {"what": "No .git directory", "said": "looked at 75000 entries", "ok": True},
        {"what": "No secret", "said": "looked at 75000 files", "ok": True},
    ]
    return {
        "release": "r418",
        "label": NEW,
        "previous_label": OLD,
        "choice": {"branch": "prod", "sha": "5" * 40, "other": {"master": {"sha": "b" * 40, "ahead": 2}}},
        "magento": {
            "repository": "client/magento",
            "branch": "master",
            "from": "3f80d2b" + "0" * 33,
            "to": "a91c3e7" + "0" * 33,
            "commits": [commit("a", "Show pick-up points on the cart page", "database"), commit("5", "Round VAT per line on split orders")],
            "files_changed": 61,
        },
        "configuration": {
            "repository": "client/beanstalk-config",
            "branch": "prod",
            "from": "",
            "to": "5" * 40,
            "commits": [commit("5", "Unmount the shares before the flip, mount after it", "10-nfs.config")],
            "files_changed": 0,
        },
        "edits": [
            {
                "path": ".user.ini",
                "diff": [
                    {"kind": "@", "old": None, "new": None, "text": "@@ -1,3 +1,3 @@"},
                    {"kind": " ", "old": 1, "new": 1, "text": "; <memory>"},
                    {"kind": "-", "old": 2, "new": None, "text": "memory_limit = 768M"},
                    {"kind": "+", "old": None, "new": 2, "text": "memory_limit = 2G"},
                ],
            }
        ],
        "modules": {"total": 312, "added": ["Client_PickUp"], "removed": [], "enabled": [], "disabled": []},
        "bundle": {
            "bucket": "elasticbeanstalk-eu-west-3-123456789012",
            "key": "ops-console/a91c3e7-5d20be4.zip",
            "sha256": "0" * 64,
            "files": 75_000,
            "bytes": 120_400_000,
            "evidence": evidence,
            "replaced": [],
            "missing": [],
            "unmounts": ".ebextensions/10-nfs.config",
        },
        "hosts": [asdict(host) for host in planned_hosts()],
        "relaunch_of": None,
        "differs": [],
        "warnings": ["Cron is not stopped: it runs into the migration."],
        "close_back_office": False,
        **more,
    }


def plan(by: Operator, **more: Any) -> Plan:
    shipment = Shipment(NEW, "elasticbeanstalk-eu-west-3-123456789012", "ops-console/x.zip", "0" * 64, "a" * 40, "5" * 40, "prod")
    drawn = plans.magento_as_written(target(), planned_hosts(), shipment, code_branch="master", close_back_office=False, release="r418")
    steps, whole = estimate.timed(drawn.steps, target().lock_group, "magento")
    value = plans.with_facts(drawn, steps, facts(estimate=whole.to_json(), **more))
    return Plan.objects.create(
        kind="release",
        title=value.title,
        service="magento",
        environment="production",
        lock_group=value.lock_group,
        document=value.to_json(),
        hash=value.hash,
        code_version="test",
        made_by=by,
    )


def run(made: Plan, by: Operator, **more: Any) -> Run:
    """Queued, with its steps, as `start_run` leaves it."""
    found: Run = Run.objects.create(
        plan=made,
        kind=made.kind,
        title=made.title,
        service=made.service,
        environment=made.environment,
        lock_group=made.lock_group,
        code_version="test",
        requested_by=by,
        idempotency_key=f"key-{Run.objects.count()}",
        **more,
    )
    Step.objects.bulk_create(
        Step(run=found, position=position, key=step["key"], title=step["title"], said=step["note"])
        for position, step in enumerate(made.document["steps"], 1)
    )
    LogHead.objects.create(run=found)
    return found


def event(name: str, at: datetime, message: str, severity: str = "INFO") -> None:
    BeanstalkEvent.objects.create(environment=name, time=at, severity=severity, message=message, digest=f"{at}{message}"[:64])


def batch(environment: str, number: int, instance: str, begin: datetime, *, upto: int = 5) -> None:
    """What Beanstalk says of one batch, in its words: five lines, as many of them as have come."""
    told = (
        (0, f"Batch {number}: Starting application deployment on instance(s) [{instance}]."),
        (1, f"Batch {number}: De-registering instance(s) from the load balancer and waiting for them to go out of service."),
        (20, f"Batch {number}: Starting application deployment command execution."),
        (75, f"Batch {number}: Registering instance(s) with the load balancer and waiting for them to be healthy. "),
        (130, f"Batch {number}: Completed application deployment."),
    )
    for seconds, message in told[:upto]:
        event(environment, begin + timedelta(seconds=seconds), message)


def log(found: Run, *lines: tuple[str, str], at: datetime | None = None) -> None:
    head = LogHead.objects.get(run=found)
    for host, text in lines:
        count = text.count("\n") + 1
        LogChunk.objects.create(
            run=found, seq_first=head.next_seq, seq_last=head.next_seq + count - 1, host=host, time=at or timezone.now(), text=text
        )
        head.next_seq += count
    head.save()


def rolling(by: Operator, *, now: datetime | None = None) -> Run:
    """In the middle of the front end: fe-1 is done, fe-2 drains, maintenance was lost on fe-1, the shop has been closed."""
    now = now or timezone.now()
    hosts = observed(at=now)
    begun = now - timedelta(minutes=6)
    found = run(plan(by), by, state=Run.State.RUNNING, started=begun)
    at = begun
    for step in found.steps.all():
        if step.key == "deploy-front":
            Step.objects.filter(pk=step.pk).update(state=Step.State.INTENT, started=at, said="Batch 2 of 4: fe-2.")
            break
        took = timedelta(seconds=140 if step.key == "deploy-back" else 5)
        Step.objects.filter(pk=step.pk).update(state=Step.State.DONE, started=at, ended=at + took, said="")
        at += took
    back, front = (tier.beanstalk for tier in target().tiers)
    batch(back, 1, hosts["be"].pk, begun + timedelta(seconds=26))
    batch(front, 1, hosts["fe-1"].pk, now - timedelta(seconds=150))
    batch(front, 2, hosts["fe-2"].pk, now - timedelta(seconds=12), upto=2)
    HostRow.objects.filter(name__in=("be", "fe-1")).update(version=NEW)
    HostRow.objects.filter(name="fe-2").update(
        health_status="Info", target_state="draining", deployment_status="In Progress", maintenance="on"
    )
    BeanstalkEnvironment.objects.filter(name=front).update(status="Updating", health_status="Info", health="Grey")
    ShopAnswer.objects.all().delete()
    shop("open", begun, 18)
    shop("closed", begun + timedelta(seconds=18), 240)
    shop("open", begun + timedelta(seconds=258), 102)
    log(
        found,
        ("console", "Every gate is open: 16 of 16"),
        ("fe-1", "\x1b[32mEnabled\x1b[0m maintenance mode"),
        ("Beanstalk", "Batch 1: Starting application deployment on instance(s) [i-08d2e6b41f09c7a53]."),
        ("fe-1", "Module 'Magento_Store':\n\x1b[33mWARN\x1b[0m <script>alert(1)</script> is text\nGenerated code: 6/9 [=====>   ]  66%"),
        ("fe-2", "212 connections open"),
        at=now - timedelta(seconds=4),
    )
    return found


_UPDATE = "INFO  [14842] - [Application update r418-a91c3e7@418/AppDeployStage0"
_POST = f"{_UPDATE}/EbExtensionPostBuild/Infra-EmbeddedPostBuild"
_COMMAND = f"{_POST}/postbuild_0_client_magento/Command"
EXCERPT = f"""[2026-11-10T01:54:31.207Z] {_COMMAND} 03_env_php] : Completed activity.
[2026-11-10T01:54:31.212Z] {_COMMAND} 04_di_compile] : Starting activity...
[2026-11-10T01:56:02.880Z] {_COMMAND} 04_di_compile] : Activity execution failed, because: Compilation was started.
  Interception cache generation... 6/9 [==================>---------]  66% 1 min 396.0 MiB
  Warning: file_put_contents(): Only 0 of 18213 bytes written: no space left on device
   (ElasticBeanstalk::ExternalInvocationError)
caused by: Compilation was started. (Executor::NonZeroExitStatus)
[2026-11-10T01:56:02.881Z] {_POST}] : Activity failed.
[2026-11-10T01:56:02.884Z] {_UPDATE}] : Activity failed.
"""


def failed(by: Operator, *, now: datetime | None = None) -> Run:
    """The same, some minutes later: fe-2 failed, its log has been copied, the run holds its lock."""
    now = now or timezone.now()
    found = rolling(by, now=now - timedelta(minutes=2))
    front = target().tiers[-1].beanstalk
    said = "fe-2: Command failed on instance. Return code: 1."
    step = found.steps.get(key="deploy-front")
    Step.objects.filter(pk=step.pk).update(state=Step.State.FAILED, ended=now, said=said)
    Effect.objects.create(
        run=found,
        step=step,
        key="update:front.1",
        act="update:front",
        kind="beanstalk.update",
        target=front,
        state=Effect.State.FAILED,
        epoch=1,
        said=said,
    )
    event(front, now, "[Instance: i-012e92fb498ad40d7] Command failed on instance. Return code: 1 Output: (TRUNCATED)...", "ERROR")
    HostRow.objects.filter(name="fe-2").update(
        health_status="Degraded",
        target_state="unhealthy",
        deployment_status="Failed",
        causes=["Application deployment failed."],
        maintenance="off",
    )
    HostRow.objects.update(seen=now)
    BeanstalkEnvironment.objects.update(seen=now)
    BeanstalkEnvironment.objects.filter(name=front).update(status="Ready", health_status="Degraded", health="Yellow")
    Evidence.objects.create(
        run=found,
        host="fe-2",
        instance_id="i-012e92fb498ad40d7",
        private_ip="10.0.102.37",
        path="/var/log/eb-activity.log",
        first_line=8802,
        text=EXCERPT,
    )
    Run.objects.filter(pk=found.pk).update(state=Run.State.FAILED, ended=now, said=said)
    return Run.objects.get(pk=found.pk)
