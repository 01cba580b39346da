"""What the run page shows of a release: versions, the shop from outside, lanes, what failed and what now. Told to `runs.panels`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from deployments import after, outside, timeline
from deployments.failure import failure
from deployments.lanes import Lane, at_once, health_light, lanes_of, target_light
from deployments.models import Evidence
from deployments.strategies import AWARE
from deployments.strategies import panels as strategies
from deployments.strategies.preparing import refutation
from deployments.strategies.steps import DEPLOYS_AT_ONCE
from estate.models import BeanstalkEvent, Host
from people.permissions import may
from runs import pages
from runs.models import Effect, Run, Step
from runs.panels import Panel, Place

SLACK = timedelta(seconds=5)  # a run's clock and AWS's
_DEPLOY = "deploy-"  # and the tier's key: the key of the step that does it


def of_release(run: Run, at: datetime, viewer: object) -> Sequence[Panel]:
    facts = run.plan.document["facts"]
    found = [Panel(Place.SUB, "deployments/_run_sub.html", {"facts": facts, "run": run})]
    lanes = lanes_now(run, facts)
    refuted = refutation(run)
    failed = failure(run, by=viewer, refuted=refuted)
    if failed is not None:
        context = {"failure": failed, "run": run, "facts": facts}
        if run.state == Run.State.FAILED:
            found.append(Panel(Place.BANNER, "deployments/_failed_banner.html", context))
        if not run.is_active:  # what waits for a decision is decided about first
            found.append(Panel(Place.NEXT, "deployments/_what_now.html", context))
        found.append(Panel(Place.WIDE, "deployments/_failure.html", context))
    found += strategies.of_release(run, facts, viewer, refuted=refuted)
    place = "shop" if _has_shop(facts) else "service"
    shop = outside.during(run, at)
    if shop is not None and place == "service" and not shop.total:
        shop = None  # it has no address, or was released before it was asked there
    if run.state == Run.State.SUCCEEDED:
        found.append(
            Panel(
                Place.BANNER,
                "deployments/_done_banner.html",
                {"run": run, "facts": facts, "hosts": len(lanes), "shop": shop, "place": place},
            )
        )
    if shop is not None:
        found.append(Panel(Place.GAUGE, "deployments/_shop_gauge.html", {"shop": shop, "run": run, "place": place}))
    found.append(Panel(Place.GAUGE, "deployments/_if_wrong.html", stakes(run, facts, lanes, refuted=refuted)))
    if lanes and run.started:
        steps = list(run.steps.all())
        pace = pages.pace(run, steps)
        turns = dict(_turns(run, steps, at, pace))
        axis, drawn = timeline.draw(lanes, begin=run.started, end=run.ended, now=at, usual_pace=pace, turns=turns)
        bands = outside.bands_on(axis, shop) if shop else ()
        context = {"axis": axis, "lanes": drawn, "shop": shop, "bands": bands, "run": run, "place": place}
        found.append(Panel(Place.WIDE, "deployments/_lanes.html", context))
    if run.ended and run.started:
        paid = after.cost(shop.down, lanes) if shop is not None and shop.total and lanes else None
        found.append(
            Panel(Place.WIDE, "deployments/_after.html", {"run": run, "cost": paid, "times": after.step_times(run), "place": place})
        )
    return found


def of_operation(run: Run, at: datetime, viewer: object) -> Sequence[Panel]:
    """Each host as it was last seen, and the logs that were fetched. Two queries."""
    facts = run.plan.document["facts"]
    hosts = list(Host.objects.filter(pk__in=[entry["instance_id"] for entry in facts.get("hosts", ())]).order_by("tier", "name"))
    kept = list(Evidence.objects.filter(run=run).order_by("host").only("host", "instance_id", "taken", "path", "problem"))
    found = [Panel(Place.SUB, "deployments/_plan_sub.html", {"run": run}), *strategies.of_operation(run, facts, viewer)]
    if kept:
        found.append(Panel(Place.NEXT, "deployments/_logs.html", {"run": run, "kept": kept}))
    bundles = [
        dict(row) for row in Effect.objects.filter(run=run, kind="beanstalk.bundles").values_list("answer__bundles", flat=True) if row
    ]
    names = {host.pk: host.name for host in hosts}
    if ready := [(names.get(instance, instance), instance, datetime.fromisoformat(at)) for row in bundles for instance, at in row.items()]:
        found.append(
            Panel(Place.NEXT, "deployments/_bundles.html", {"run": run, "bundles": ready, "may": may(viewer, run.kind, run.environment)})
        )
    if hosts:
        shown = [(host, health_light(host.health_status), target_light(host.target_state)) for host in hosts]
        maintained = any(host.maintenance_seen for host in hosts)
        found.append(Panel(Place.WIDE, "deployments/_matrix.html", {"hosts": shown, "maintained": maintained}))
    return found


def lanes_now(run: Run, facts: Mapping[str, Any], *, since: datetime | None = None) -> list[Lane]:
    """Two queries. `since`: where it began before the run did."""
    planned = facts["hosts"]
    names = {entry["beanstalk"] for entry in planned}
    hosts = {host.pk: host for host in Host.objects.filter(pk__in=[entry["instance_id"] for entry in planned])}
    since = (since or run.started or run.created) - SLACK
    wanted = BeanstalkEvent.objects.filter(environment__in=names, time__gte=since)
    if run.ended:
        wanted = wanted.filter(time__lte=run.ended + SLACK)
    events: dict[str, list[BeanstalkEvent]] = {name: [] for name in names}
    for event in wanted:
        events[event.environment].append(event)
    lanes = lanes_of(planned, hosts, events, label=facts["label"], over=run.ended is not None, failed_at=run.ended)
    if any(step["key"] == DEPLOYS_AT_ONCE for step in run.plan.document["steps"]):
        lanes = at_once(lanes, hosts, {key: (begin, end) for key, begin, end in _deployed(run)})
    return lanes if _has_shop(facts) else [replace(lane, maintenance="") for lane in lanes]


def _deployed(run: Run) -> Iterator[tuple[str, datetime, datetime | None]]:
    """(a tier's key, when its step began, when it ended) of those that have begun."""
    for step in run.steps.all():
        if step.key.startswith(_DEPLOY) and step.started:
            yield step.key.removeprefix(_DEPLOY), step.started, step.ended


def _turns(run: Run, steps: Sequence[Step], at: datetime, pace: float) -> Iterator[tuple[str, datetime]]:
    """(a tier's key, when its step is expected to begin) of those that have not."""
    usual = {step["key"]: float(step.get("seconds") or 0) * pace for step in run.plan.document["steps"]}
    turn = at
    for step in steps:
        if step.started is None and step.key.startswith(_DEPLOY):
            yield step.key.removeprefix(_DEPLOY), turn
        if step.ended is None:
            gone = (at - step.started).total_seconds() if step.started else 0.0
            turn += timedelta(seconds=max(usual.get(step.key, 0.0) - gone, 0.0))


def _has_shop(facts: Mapping[str, Any]) -> bool:
    return str(facts.get("plan", "magento")) == "magento"


def stakes(run: Run, facts: Mapping[str, Any], lanes: Sequence[Lane], *, refuted: str) -> dict[str, Any]:
    """What stopping now would leave behind. From the steps that have begun, and the hosts that have the new version."""
    begun = [step.key for step in run.steps.all() if step.state != Step.State.PLANNED]
    moved = [lane for lane in lanes if lane.phase != "waiting"]
    new = [lane for lane in lanes if lane.version == facts["label"] and lane.phase != "failed"]
    deploying = any(key.startswith("deploy-") for key in begun)
    if run.state == Run.State.SUCCEEDED:
        return {
            "big": "Done",
            "text": f"All {len(lanes)} hosts have {facts['label']}." if len(lanes) > 1 else f"The one host has {facts['label']}.",
            "run": run,
        }
    if facts.get("strategy") == AWARE:
        return strategies.stakes(run, facts, lanes, begun, refuted=refuted)
    if not deploying and "maintenance-on" not in begun:
        return {"big": "Nothing changed", "text": "Stopping now leaves everything as it was.", "run": run}
    if not deploying:
        text = "The code has not changed, but maintenance mode is on: after a stop somebody has to take the shop out of it."
        return {"big": "Shop in maintenance", "text": text, "run": run}
    if len(new) == len(lanes):
        rest = "statics, caches, the end of maintenance mode" if _has_shop(facts) else "the looks at what was set up"
        text = f"Every host has the new version. Stopping now leaves out what comes after: {rest}."
        return {"big": "New version everywhere", "text": text, "run": run}
    text = (
        f"{len(new)} of {len(lanes)} hosts have {facts['label']}, {len(moved)} have been touched, "
        "and the leader may have migrated the database. "
        "Beanstalk stops by itself at the first failing host."
    )
    return {"big": "Versions are mixed" if new else "Deployment begun", "text": text, "run": run}
