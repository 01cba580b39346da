"""What a person can do about releases: plan one, start one. Each is one function, with the person last; each raises a typed error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from deployments import consent, estimate, gates, kinds, plans, sources
from deployments import facts as plan_facts
from deployments.bundle import Bundle, modules_between
from deployments.live import LABEL, live_commit, live_configuration, live_label
from deployments.models import Artifact, Release
from deployments.recipe import recipe
from deployments.shipments import bundle_of
from deployments.steps import PlannedHost, Shipment
from deployments.strategies import AWARE, choosing, curtain, draining, prebuilt, preparing
from deployments.strategies import plans as aware
from estate import answers, observe
from estate.definition import Target, UnknownTarget
from estate.models import Host
from estate.reading import current
from estate.validators import branch_name
from people.models import Operator
from people.permissions import require
from remote.errors import NotFound
from remote.git.mirror import Mirror
from runs import actions as runs
from runs.models import Plan, Run
from runs.plan import Plan as PlanValue


class NotPlannable(Exception):
    """There is nothing sound to plan from. `str(error)` says what is missing and what to do."""


class NotStartable(Exception):
    """The plan may not begin now; `reasons` are things to do, in the words of the page."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Choice:
    """Which branches are released, "" taking the estate's first; or which earlier release, by its number, is deployed again."""

    code: str = ""
    configuration: str = ""
    close_back_office: bool = False
    release: int | None = None
    strategy: str = ""  # as-written | migration-aware; "" takes the best that can be taken
    path: str = ""  # roll | window, where somebody knows better than the database's answers, and says in `because` why
    because: str = ""


def plan_release(target: Target, choice: Choice, *, relaunch_of: Run | None = None, by: Operator) -> Plan:
    """Pins both commits, builds the bundle, writes the plan. Changes nothing outside the console.

    Where the strategy wants a release that is built once and it has not been built, the plan is that of its preparation.
    Raises Forbidden, ValidationError (a branch's name), RemoteError, NotPlannable.
    """
    require(by, "plan", target.environment.key)
    try:
        choosing.check_name(choice.strategy)
    except ValueError as refused:
        raise NotPlannable(str(refused)) from refused
    earlier = earlier_release(target, choice.release) if choice.release is not None else None
    code_branch = branch_name(choice.code or target.code.branches[0])
    configured = earlier.configuration_branch if earlier else branch_name(choice.configuration or answers.configuration_branch(target))
    hosts = hosts_of(target)
    code, code_heads = sources.fetched(target.code.repository, code_branch)
    configuration, heads = sources.fetched(target.configuration.repository, *dict.fromkeys((configured, *target.configuration.branches)))
    commit = earlier.magento_commit if earlier else code_heads[code_branch]
    configuration_commit = earlier.configuration_commit if earlier else heads[configured]
    built = bundle_of(target, commit, configuration_commit, configuration_branch=configured)
    commands = recipe(configuration, configuration_commit, target.configuration.directory)
    way = _way(target, choice, commands, configuration, configuration_commit)
    artifact = preparing.artifact_of(target, built.sha256, relaunch_of=relaunch_of) if way["strategy"] == AWARE else None
    if way["strategy"] == AWARE and artifact is None:
        pinned = preparing.Sources(commit, configuration_commit, code_branch, configured)
        number = relaunch_of.number if relaunch_of else None
        return runs.save_plan(preparing.plan_preparation(target, hosts, built, pinned, way, relaunch_of=number), by=by)
    decided = _decided(artifact, choice, relaunch_of) if artifact is not None else {}
    if artifact is not None:
        built = preparing.as_built(built, artifact, target)
    release = _release(target, built, commit, configuration_commit, configured, by=by)
    previous = live_label(target)
    live = live_commit(target, previous, code, code_heads[code_branch])
    facts: dict[str, Any] = {
        "release": str(release),
        "label": release.label,
        "previous_label": previous,
        "choice": _choice(configuration, heads, configured),
        "again": earlier is not None,
        "magento": sources.changes(code, branch=code_branch, old=live, new=release.magento_commit),
        "configuration": sources.changes(
            configuration, branch=configured, old=live_configuration(target, previous), new=release.configuration_commit
        ),
        "edits": plan_facts.edits(built.manifest),
        "modules": {"total": len(built.manifest.modules), "added": [], "removed": [], "enabled": [], "disabled": []},
        "bundle": plan_facts.bundle(built, release, configuration, target.shares),
        "hosts": [asdict(host) for host in hosts],
        "relaunch_of": relaunch_of.number if relaunch_of else None,
        "plan": target.plan,
        "close_back_office": choice.close_back_office,
        **way,
        **decided,
    }
    if facts["magento"]["from"]:
        facts["modules"] |= asdict(modules_between(code, facts["magento"]["from"], release.magento_commit))
    shipment = Shipment(
        release.label, release.bucket, release.key, release.sha256, release.magento_commit, release.configuration_commit, configured
    )
    branch = "" if earlier else code_branch
    drain = draining.now(target)
    wanted = plans.Wanted(target, hosts, shipment, branch, str(release), close_back_office=choice.close_back_office, drain=drain)
    kind = kinds.kind_of(target)
    facts["warnings"] = _backwards(code, live, release) + ([] if artifact else list(kind.warnings(wanted)))
    facts["recipe"] = commands
    drawn = _aware(wanted, artifact, decided) if artifact is not None else kind.draw(wanted)
    steps, whole = estimate.timed(drawn.steps, target.lock_group, target.service, way=str(decided.get("way", "")))
    facts["estimate"] = whole.to_json()
    facts["differs"] = plan_facts.differences(relaunch_of.plan.document, {**drawn.to_json(), "facts": facts}) if relaunch_of else []
    saved = runs.save_plan(plans.with_facts(drawn, steps, facts), by=by)
    consent.ask_for_approval(saved, target)
    return saved


def _way(target: Target, choice: Choice, commands: Mapping[str, Any], configuration: Mirror, commit: str) -> dict[str, Any]:
    """Which strategy is taken, what else there is, and the patch that would make more of it possible. Raises NotPlannable."""
    found = choosing.offers(target, commands)
    try:
        taken = choosing.choose(found, choice.strategy)
    except ValueError as refused:
        raise NotPlannable(str(refused)) from refused
    files = sorted({each["file"] for each in prebuilt.building(commands["commands"])}) if target.plan == "magento" else []
    start = f"{target.configuration.directory}/.ebextensions" if target.configuration.directory else ".ebextensions"
    paths = [f"{start}/{file}" for file in files]
    texts = ((path, configuration.file(commit, path).decode("utf-8", "replace")) for path in paths)
    patch = "".join(prebuilt.patch(path, text) for path, text in texts)
    return {"strategy": taken.key, "offers": [offer.to_json() for offer in found], "patch": patch}


def _decided(artifact: Artifact, choice: Choice, relaunch_of: Run | None) -> dict[str, Any]:
    """The path that is gone, with what it rests on. Raises NotPlannable.

    A relaunch of what was built goes the failed run's path. What was built since goes its own; but behind the curtain where that run
    did, for it may have left the curtain drawn, and cron stopped.
    """
    before = (relaunch_of.plan.document["facts"].get("decision") or {}) if relaunch_of else {}
    because = choice.because.strip()
    if relaunch_of and before and before["key"] != artifact.key:
        path = choice.path or artifact.decision
        if not choice.path and before["path"] == "window" != artifact.decision:
            path, because = "window", f"run {relaunch_of.number} went behind the curtain, and this ends what it began"
        before = {}
    else:
        path = choice.path or before.get("path", "") or artifact.decision
        because = because or before.get("because", "")
    if path not in ("roll", "window"):
        raise NotPlannable("The database gave no usable answer. Choose how to go on, with the reason, or go as written.")
    if path != artifact.decision and not because and not before:
        raise NotPlannable("Say why the database's answer is not followed: whoever looks tomorrow wants to know.")
    decision = {
        "path": path,
        "decision": artifact.decision,
        "because": because[:500],
        "answers": artifact.answers,
        "asked": artifact.asked.isoformat(),
        "manifest": artifact.manifest,
        "statics_version": artifact.statics_version,
        "key": artifact.key,
        "run": artifact.run_id,
    }
    return {"decision": decision, "way": f"{AWARE}:{path}"}


def _aware(wanted: plans.Wanted, artifact: Artifact, decided: Mapping[str, Any]) -> PlanValue:
    """Raises NotPlannable where a window is needed and cannot be had."""
    path = decided["decision"]["path"]
    place = None
    if path == "window":
        place = curtain.place_of(wanted.target)
        if place is None:
            raise NotPlannable("No load balancer of the front end is known, so the shop cannot be closed by it. See the service's page.")
        if not wanted.target.database:
            raise NotPlannable("estate.yaml names no database of which a snapshot could be taken (database:).")
    drain = draining.enough(wanted.target, wanted.hosts) if path == "roll" else {}
    build = artifact.key.rpartition("/")[2].removesuffix(".zip")
    prepared = aware.Prepared(artifact.bucket, artifact.key, artifact.statics_key, build, path, drain)
    return aware.release(wanted, prepared, place)


def start_release(plan: Plan, *, hash: str, confirmation: str, idempotency_key: str, reason: str = "", by: Operator) -> Run:
    """Raises Forbidden, NotStartable, and what `runs.actions.start_run` raises (PlanChanged, LockHeld, KeyReused)."""
    require(by, "release", plan.environment)
    earlier = runs.started_before(plan, idempotency_key)
    if earlier is not None:
        return earlier
    target, facts = target_of(plan), plan.document["facts"]
    reasons = []
    if target.environment.confirm and confirmation.strip() != target.environment.key:
        reasons.append(f"Type “{target.environment.key}” to confirm.")
    reasons += [f"{gate.title}: {gate.said.rstrip('.')}." for gate in gates_of(plan) if gate.closes]
    approved = consent.approvals_of(plan) if target.approval else []
    if approved and all(each.by_id == by.pk for each in approved):
        reasons.append("You approved this plan: somebody else has to start it, or another person has to approve it too.")
    if reasons:
        raise NotStartable(reasons)
    return runs.start_run(plan, hash=hash, idempotency_key=idempotency_key, reason=reason, takes_over=_still_held(facts), by=by)


def _still_held(facts: Mapping[str, Any]) -> int | None:
    """The failed run whose lock this one takes over; None where somebody has released it meanwhile."""
    failed = Run.objects.filter(number=facts.get("relaunch_of") or 0, holds_lock=True).first()
    return failed.number if failed else None


def gates_of(plan: Plan) -> list[gates.Gate]:
    """Asked of the world now."""
    facts = plan.document["facts"]
    try:
        target = target_of(plan)
    except UnknownTarget as unknown:
        return [gates.Gate("target", "estate.yaml knows the service", "bad", str(unknown))]
    asked = gates.Asked(target, [PlannedHost(**host) for host in facts["hosts"]], facts)
    return [*gates.evaluate(asked), *consent.gates(plan, target, timezone.now())]


def target_of(plan: Plan) -> Target:
    """Raises UnknownTarget where estate.yaml no longer has it."""
    return current().target(plan.service, plan.environment)


def hosts_of(target: Target) -> list[PlannedHost]:
    """Those that run now, in the order of the tiers. Raises NotPlannable where a tier has none."""
    observe.refresh(target, max_age=10)
    order = {tier.key: position for position, tier in enumerate(target.tiers)}
    rows = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None, state="running")
    hosts = sorted(rows, key=lambda host: (order.get(host.tier, 99), host.name))
    missing = [tier.name for tier in target.tiers if not any(host.tier == tier.key for host in hosts)]
    if missing:
        raise NotPlannable(
            f"No running host of {target.name} is known for: {', '.join(missing)}. See the service's page for what AWS last said."
        )
    return [PlannedHost(host.name, host.instance_id, str(host.private_ip), host.tier, host.beanstalk) for host in hosts]


def _release(target: Target, built: Bundle, magento: str, configuration: str, branch: str, *, by: Operator) -> Release:
    """The release with this bundle, or a new one with the next number: one above every number that was ever seen."""
    place = {"service": target.service, "bucket": target.bundles.bucket, "key": target.bundles.key + built.key}
    for _ in range(5):
        known = Release.objects.filter(**place).first()
        if known is not None:
            return known
        number = _next_number(target)
        facts = {"magento_commit": magento, "configuration_commit": configuration, "configuration_branch": branch}
        made = {"sha256": built.sha256, "bytes": built.size, "files": built.files, "created": timezone.now(), "created_by": by}
        try:
            with transaction.atomic():
                return Release.objects.create(**place, **facts, **made, number=number, label=kinds.label(target, number, magento))
        except IntegrityError:
            continue  # somebody planned at the same moment and took the number
    raise NotPlannable("Others are planning releases at this very moment. Try again.")


def earlier_release(target: Target, number: int) -> Release:
    """One that this target can have again. Raises NotPlannable."""
    mine = Release.objects.filter(service=target.service, configuration_branch__in=target.configuration.branches)
    found = mine.filter(number=number).first() if 0 < number < 2**31 else None
    if found is None:
        raise NotPlannable(f"There is no release r{number} of {target.name}. Choose one of those that the service's page lists.")
    return found


def _backwards(code: Mirror, live: str, release: Release) -> list[str]:
    """Going back is not undone by the database: that is said before anything else."""
    undone = code.log(release.magento_commit, live) if live and code.has(live) else []
    if not undone:
        return []
    return [
        f"This takes {len(undone)} commits back (newest: “{undone[0].subject}”). The database is not taken back: "
        "if one of them migrated it, the old code answers with errors."
    ]


def _next_number(target: Target) -> int:
    labels = Host.objects.filter(service=target.service).values_list("version", flat=True)
    seen = [int(match["number"]) for label in labels if (match := LABEL.match(label))]
    highest = Release.objects.filter(service=target.service).aggregate(top=Max("number"))["top"] or 0
    return max([highest, *seen]) + 1


def _choice(configuration: Mirror, heads: dict[str, str], chosen: str) -> dict[str, Any]:
    """Both heads, for the document names both; the choice is in the plan and so in its hash."""
    other = {}
    for branch, sha in heads.items():
        if branch != chosen:
            try:
                other[branch] = {"sha": sha, "ahead": len(configuration.log(heads[chosen], sha))}
            except NotFound:
                other[branch] = {"sha": sha, "ahead": None}
    return {"branch": chosen, "sha": heads[chosen], "other": other}
