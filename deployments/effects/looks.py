"""Steps that change nothing: the gates once more at the start, the comparison of everything at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from deployments import consent, gates, operations
from deployments.steps import PlannedHost
from estate import observe
from estate.models import Host, ShopAnswer
from estate.reading import current
from remote.aws import beanstalk, storage
from remote.errors import RemoteError
from remote.http import fetch
from runs import witness
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running
from runs.models import Run
from runs.plan import Act

UNASKABLE = timedelta(minutes=5)  # throttling of two minutes ends no release; who waits longer is told
ASK_AGAIN = 5.0  # seconds
SETTLING = timedelta(seconds=180)  # health goes from Info to Ok one or two minutes after an update
GOOD_PAGES = 5  # in a row
ANSWER_SECONDS = 5.0


def _closed(why: str, context: Context, failed: str) -> Failed | CannotTell:
    """`failed` is the sentence for where the run has done nothing yet. After a backup was put back it may have: a person tells.

    What is found may be its own then, a flag or a host at rest; or it was past this look, and the hosts are not as they were.
    """
    if witness.doubted(context.epoch):
        return CannotTell(
            f"{why}. This run may have left that itself, or gone on past here, before the backup was put back. Look at the hosts: "
            "if it did, mark this step as done by hand, and the run goes on; if not, give it up."
        )
    return Failed(failed)


def _weighed(found: Sequence[gates.Gate], context: Context, done: str, failed: str) -> Finding:
    """Done where none closes. `failed` is the sentence for those that do, with a place for them.

    What cannot be asked is asked again for a while: AWS may throttle, a line to a host may be lost, and nothing has to hurry.
    """
    closed = [gate for gate in found if gate.closes]
    why = "; ".join(f"{gate.title}: {gate.said}" for gate in closed)
    waits = timezone.now() - context.intent_at < UNASKABLE and closed and all(gate.state == "unknown" for gate in closed)
    if waits and context.cancelled():
        return NotDone(why)
    if waits and why == context.answer.get("unknown"):
        return Running(f"Asked again: {why}", ask_again=ASK_AGAIN)  # told already
    out = context.out("console")
    for gate in closed if waits else found:
        out.line(f"{gate.state:>7}  {gate.title}: {gate.said}")
    if waits:
        return Running(f"Asked again: {why}", {"unknown": why}, ask_again=ASK_AGAIN)
    return _closed(why, context, failed.format(why)) if closed else Done(done)


class Gates:
    """The plan's gates, asked again. Warnings were accepted with the plan; a bad one stops the run before any change."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        found = self.ask(Run.objects.select_related("plan__made_by").get(number=context.run), context)
        return _weighed(found, context, f"{len(found)} of {len(found)} gates are open", "Not started: {}. Nothing has been changed.")

    def ask(self, run: Run, context: Context) -> list[gates.Gate]:
        target = current().target(run.service, run.environment)
        hosts = [PlannedHost(**host) for host in context.facts["hosts"]]
        asked = gates.Asked(target, hosts, context.facts, own_run=context.run)
        return [*gates.evaluate(asked), *consent.gates(run.plan, target, timezone.now())]

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"


class OperationGates(Gates):
    """The same of a small operation."""

    def ask(self, run: Run, context: Context) -> list[gates.Gate]:
        target = current().target(run.service, run.environment)
        return operations.gates_now(target, context.facts, run.lock_group, own_run=context.run)


class Shelf:
    """An earlier release's version is registered and its bundle lies there. Params: application, label, bucket, key."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        label, bucket, key = act.params["label"], act.params["bucket"], act.params["key"]
        found = beanstalk.version(act.params["application"], label)
        if found is None or (found.bucket, found.key) != (bucket, key):
            why = f"Beanstalk no longer has {label} with s3://{bucket}/{key}"
            return _closed(why, context, f"{why}. Nothing has been deployed.")
        bundle = storage.head(bucket, key)
        if bundle is None:
            why = f"s3://{bucket}/{key} is gone: {label} cannot be deployed again"
            return _closed(why, context, f"{why}. Nothing has been deployed.")
        return Done(f"{label} is registered, and its bundle of {bundle.size} bytes is of {bundle.modified:%d %b %Y %H:%M} UTC")

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"


class Quiet:
    """No payout is near, and none runs. Params: service, environment, hosts."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        target = current().target(act.params["service"], act.params["environment"])
        hosts = [PlannedHost(**host) for host in act.params["hosts"]]
        found = list(gates.money(gates.Asked(target, hosts, context.facts, own_run=context.run)))
        return _weighed(found, context, "no payout is near, and none runs", "Not deployed: {}. The hosts are as they were.")

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"


class Verify:
    """Every host on the label with both lights on, and good pages from outside. Params: service, environment, label, hosts."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        target = current().target(act.params["service"], act.params["environment"])
        observe.refresh(target, max_age=2)
        hosts = list(Host.objects.filter(pk__in=act.params["hosts"]))
        unseen = [host for host in hosts if host.seen <= context.intent_at or not host.target_seen or host.target_seen <= context.intent_at]
        others = [host for host in hosts if host.version != act.params["label"] or host.deployment_status != "Deployed" or host.gone]
        dark = [host for host in hosts if host.health_status not in ("Ok", "Info") or host.target_state != "healthy"]
        shut = [host for host in hosts if host.tier == target.tiers[-1].key and host.maintenance == "on"]
        pages = self._pages(target.service, target.environment.key, context) if target.shop else []
        good = [page for page in pages if page.state == ShopAnswer.State.OPEN]
        status = self._answers(target.address)
        outside = f"{len(good)} of the last {len(pages)} pages good" if target.shop else f"{target.address or 'outside'} answers {status}"
        said = (
            f"{len(hosts) - len(others)} of {len(hosts)} hosts on {act.params['label']}, "
            f"{len(hosts) - len(dark)} with both lights on, {outside}"
        )
        well = len(hosts) == len(act.params["hosts"]) and not (unseen or others or dark or shut) and status in ("200", "")
        if well and (not target.shop or (len(good) == len(pages) >= GOOD_PAGES)):
            context.out("console").line(said)
            return Done(said)
        # Not since the intent: of a run whose backup was put back that lies at the run's start.
        since = datetime.fromisoformat(context.answer["since"]) if "since" in context.answer else timezone.now()
        if timezone.now() - since > SETTLING:
            names = ", ".join(sorted({host.name for host in [*unseen, *others, *dark, *shut]}))
            return Failed(f"{said}. Not well: {names or 'the shop from outside'}")
        return Running(said, {"since": since.isoformat()}, ask_again=1)

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"

    def _answers(self, address: str) -> str:
        """The status that a visitor gets there, or why there is none; "" where there is no address."""
        if not address:
            return ""
        try:
            return str(fetch(address, deadline=ANSWER_SECONDS).status)
        except RemoteError as error:
            return f"nothing: {error}"

    def _pages(self, service: str, environment: str, context: Context) -> list[ShopAnswer]:
        """The newest answers since this step began."""
        since = ShopAnswer.objects.filter(service=service, environment=environment, time__gte=context.intent_at)
        return list(since.order_by("-time")[:GOOD_PAGES])
