"""What a person can do with plans and runs. Each is atomic, asks for permission, and raises a typed error that says what to do."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from people import audit
from people.models import Operator
from people.permissions import require
from runs import doorbell, plan, witness
from runs.models import TITLE, Effect, LogHead, Plan, Run, Step
from runs.redact import redact

EVIDENCE = 20_000  # characters that are kept of what a person pastes


class Refusal(Exception):
    """Base: nothing was changed. `str(error)` says why, and what to do now."""


class PlanChanged(Refusal):
    """The plan that was looked at is not the plan that would be run."""


class LockHeld(Refusal):
    """Another run has the lock group: `run`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        since = timezone.localtime(run.started or run.created)
        state = {Run.State.FAILED: "failed and still holds", Run.State.CANCELLED: "was cancelled and still holds"}.get(
            Run.State(run.state), "holds"
        )
        super().__init__(
            f"Run {run.number}, “{run.title}” of {run.requested_by} (since {since:%d %b %H:%M %Z}), {state} {run.lock_group}. "
            + ("Watch it, or wait until it has ended." if run.is_active else "Look at it first; then release its lock, or take it over.")
        )


class KeyReused(Refusal):
    """The idempotency key belongs to a run of another plan."""


class NotNow(Refusal):
    """The run is not in a state in which that can be done."""


def save_plan(value: plan.Plan, *, by: Operator) -> Plan:
    """Raises Forbidden. Two acts with one key are a fault of the code, and found here: half-way the database would find it."""
    require(by, "plan", value.environment)
    keys = Counter(act.key for step in value.steps for act in step.acts)
    if twice := [key for key, count in keys.items() if count > 1]:
        raise ValueError(f"The plan “{value.title}” has more than one act {', '.join(twice)}.")
    with transaction.atomic():
        made = Plan.objects.create(
            kind=value.kind,
            title=value.title[:TITLE],
            service=value.service,
            environment=value.environment,
            lock_group=value.lock_group,
            document=value.to_json(),
            hash=value.hash,
            code_version=settings.CODE_VERSION,
            made_by=by,
        )
        audit.record(f"plan {made.kind}", by=by, target=made.title, facts={"plan": str(made.pk), "hash": made.hash})
    return made


def start_run(made: Plan, *, hash: str, idempotency_key: str, reason: str = "", takes_over: int | None = None, by: Operator) -> Run:
    """The plan's kind is the permission that it needs. The same key gives the same run again, and starts nothing.

    `takes_over`: the number of an ended run whose lock of the same group goes to this one.
    Raises Forbidden, PlanChanged, LockHeld, KeyReused, NotNow.
    """
    require(by, made.kind, made.environment)
    if takes_over is not None:
        _require_for_taking_over(takes_over, by)
    if hash != made.hash or _hash_of(made) != made.hash:
        raise PlanChanged("This is not the plan that you looked at. Look at the plan again, then start it.")
    if before := started_before(made, idempotency_key):
        return before
    try:
        with transaction.atomic():
            taken = _take_lock(takes_over, made, by) if takes_over is not None else None
            run = _create(made, idempotency_key, reason, taken, by)
            facts = {"plan": str(made.pk), "hash": made.hash, "environment": made.environment}
            audit.record(f"start {made.kind}", by=by, target=made.title, why=reason, run=run.number, facts=facts)
            transaction.on_commit(lambda: _announce(run))
    except IntegrityError:
        if before := started_before(made, idempotency_key):
            return before
        holder = Run.objects.select_related("requested_by").filter(lock_group=made.lock_group, holds_lock=True).first()
        if holder is None:
            raise NotNow("Another run ended at this very moment. Look at the plan again, then start it.") from None
        held = LockHeld(holder)
        audit.record(f"start {made.kind}", by=by, target=made.title, why=str(held), result="refused", run=holder.number)
        raise held from None
    return run


def _hash_of(made: Plan) -> str:
    try:
        return plan.Plan.from_json(made.document).hash
    except (LookupError, TypeError):
        raise PlanChanged(f"Version {made.code_version} of the console made this plan; this one cannot read it. Make a new plan.") from None


def started_before(made: Plan, idempotency_key: str) -> Run | None:
    """What this key has started of this plan. Raises KeyReused where that was another plan."""
    before = Run.objects.filter(idempotency_key=idempotency_key).first()
    if before is not None and before.plan_id != made.pk:
        raise KeyReused(f"This idempotency key started run {before.number}, of another plan. Use a new key.")
    return before


def begun_before(idempotency_key: str, *, kind: str, service: str, environment: str) -> Run | None:
    """The same for those who plan and start in one go: what this key has started of this kind, there. Raises KeyReused."""
    before = Run.objects.filter(idempotency_key=idempotency_key).first()
    if before is not None and (before.kind, before.service, before.environment) != (kind, service, environment):
        raise KeyReused(f"This idempotency key started run {before.number}, “{before.title}”. Use a new key.")
    return before


def _take_lock(number: int, made: Plan, by: Operator) -> Run:
    old = Run.objects.select_for_update().select_related("requested_by").filter(number=number).first()
    if old is None or old.lock_group != made.lock_group or not old.holds_lock:
        raise NotNow(f"Run {number} does not hold {made.lock_group}: there is nothing to take over. Look at the plan again.")
    if old.is_active:
        raise LockHeld(old)
    reason = f"taken over by another run of {made.title}"
    audit.record("take over lock", by=by, target=old.lock_group, why=reason, run=old.number)
    return _change(old, ring=False, holds_lock=False, lock_released_by=by, lock_release_reason=reason)


def _require_for_taking_over(number: int, by: Operator) -> None:
    for environment in Run.objects.filter(number=number).values_list("environment", flat=True):
        require(by, "settle", environment)


def _create(made: Plan, idempotency_key: str, reason: str, takes_over: Run | None, by: Operator) -> Run:
    witness.skip_used_numbers()
    run = Run.objects.create(
        plan=made,
        kind=made.kind,
        title=made.title,
        service=made.service,
        environment=made.environment,
        lock_group=made.lock_group,
        code_version=made.code_version,
        requested_by=by,
        reason=reason,
        takes_over=takes_over,
        idempotency_key=idempotency_key,
    )
    steps = plan.Plan.from_json(made.document).steps
    Step.objects.bulk_create(
        Step(run=run, position=position, key=step.key, title=step.title[:TITLE], said=step.note) for position, step in enumerate(steps, 1)
    )
    LogHead.objects.create(run=run)
    return run


def _announce(run: Run) -> None:
    doorbell.ring(run.number)
    doorbell.state_changed(run.number, run.revision)


# -- a run that goes on


def cancel_run(run: Run, strength: Run.Cancel, *, by: Operator) -> Run:
    """After the step, abort, or stop watching: what each leaves is said in the run when it has come to it. Raises Forbidden, NotNow."""
    require(by, "abort", run.environment)
    with transaction.atomic():
        run = _locked(run)
        if not run.is_active:
            raise NotNow(f"Run {run.number} has ended: there is nothing to cancel.")
        if strength == Run.Cancel.NONE:
            raise NotNow("Say how it is to be cancelled.")
        if run.cancel == Run.Cancel.ABORT and strength == Run.Cancel.AFTER_STEP:
            raise NotNow(
                f"{run.cancelled_by or 'Somebody'} has asked to abort run {run.number}: that is not taken back by a later, weaker wish."
            )
        state = run.state if run.state == Run.State.QUEUED else Run.State.RUNNING
        audit.record(f"stop run: {strength}", by=by, target=run.title, run=run.number)
        if run.state in (Run.State.WAITING, Run.State.UNKNOWN):
            _give_time(run)
        abort_at = timezone.now().timestamp() if strength == Run.Cancel.ABORT else run.abort_at
        return _change(run, cancel=strength, cancelled_by=by, abort_at=abort_at, wake_at=0, state=state)


def check_now(run: Run, *, by: Operator) -> Run:
    """Asks the world again, at once: also of a run that waits for a person. Raises Forbidden, NotNow."""
    require(by, "settle", run.environment)
    with transaction.atomic():
        run = _locked(run)
        if not run.is_active:
            raise NotNow(f"Run {run.number} has ended. What it left is on its page.")
        audit.record("check run now", by=by, target=run.title, run=run.number)
        if run.state in (Run.State.WAITING, Run.State.UNKNOWN):
            cancel = Run.Cancel.NONE if run.cancel == Run.Cancel.STOP_WATCHING else run.cancel
            _give_time(run)
            return _change(run, state=Run.State.RUNNING, said="", wake_at=0, cancel=cancel)
        return _change(run, wake_at=0)


adopt = check_now  # whatever the probe finds now is taken over


# -- a run that a person has to decide about


def mark_done_by_hand(step: Step, evidence: str, *, by: Operator) -> Run:
    """The step counts as done on this person's word, and the run goes on behind it. Raises Forbidden, NotNow."""
    require(by, "settle", step.run.environment)
    if not evidence.strip():
        raise NotNow("Paste what shows that it was done: the command and what it answered.")
    if len(evidence) > EVIDENCE:
        raise NotNow(f"That is {len(evidence)} characters; paste the {EVIDENCE} at most that show it.")
    with transaction.atomic():
        run = _locked(step.run)
        step = Step.objects.get(pk=step.pk)
        _must_wait_for_person(run)
        if step.state not in (Step.State.UNKNOWN, Step.State.FAILED, Step.State.INTENT):
            raise NotNow(f"“{step.title}” is {step.state}: there is nothing to decide about it.")
        now = timezone.now()
        open_effects = Effect.objects.filter(step=step).exclude(state__in=(*Effect.FINISHED, Effect.State.REPLACED))
        open_effects.update(state=Effect.State.BY_HAND, said=f"done by hand, says {by}", ended=now)
        Step.objects.filter(pk=step.pk).update(
            state=Step.State.BY_HAND, evidence=redact(evidence), said=f"Done by hand, says {by}.", ended=now, started=step.started or now
        )
        audit.record("mark step done by hand", by=by, target=f"{step.title}, {run.title}", why=evidence, run=run.number)
        return _go_on(run)


def resume(run: Run, *, by: Operator) -> Run:
    """Goes on from the step that failed. What is done stays done; what failed is asked about once more, then tried as a new attempt.

    Raises Forbidden, NotNow.
    """
    require(by, run.kind, run.environment)
    with transaction.atomic():
        run = _locked(run)
        _must_wait_for_person(run)
        for step in Step.objects.filter(run=run, state__in=(Step.State.FAILED, Step.State.UNKNOWN)):
            for row in Effect.objects.filter(step=step, state=Effect.State.FAILED):
                _try_again(row, step.attempt + 1)
            Step.objects.filter(pk=step.pk).update(
                state=Step.State.INTENT, attempt=F("attempt") + 1, started=timezone.now(), ended=None, said=""
            )
        audit.record("resume run", by=by, target=run.title, run=run.number)
        return _go_on(run)


def _try_again(row: Effect, attempt: int) -> None:
    """A new row: in intent, so that the engine asks the world first."""
    Effect.objects.filter(pk=row.pk).update(state=Effect.State.REPLACED)
    Effect.objects.create(
        run_id=row.run_id,
        step_id=row.step_id,
        act=row.act,
        attempt=attempt,
        key=f"{row.act}.{attempt}",
        kind=row.kind,
        target=row.target,
        state=Effect.State.INTENT,
        epoch=row.epoch,
    )


def give_up(run: Run, reason: str, *, by: Operator) -> Run:
    """The run has failed, on this person's word; it holds its lock until that is released. Raises Forbidden, NotNow."""
    require(by, "settle", run.environment)
    if not reason.strip():
        raise NotNow("Say why it is given up: whoever finds it tomorrow wants to know.")
    with transaction.atomic():
        run = _locked(run)
        if run.state not in (Run.State.UNKNOWN, Run.State.WAITING):
            raise NotNow(f"Run {run.number} is {run.state}: only one that waits for a decision can be given up.")
        Step.objects.filter(run=run, state__in=(Step.State.UNKNOWN, Step.State.INTENT)).update(
            state=Step.State.FAILED, ended=timezone.now()
        )
        audit.record("give run up", by=by, target=run.title, why=reason, run=run.number)
        said = f"{by} gave it up: {reason.strip()}. It goes on holding {run.lock_group} until that is released."
        return _change(run, ring=False, state=Run.State.FAILED, ended=timezone.now(), said=said)


def release_lock(run: Run, reason: str, *, by: Operator) -> Run:
    """Others may start in its lock group again. Raises Forbidden, NotNow."""
    require(by, "settle", run.environment)
    if not reason.strip():
        raise NotNow("Say why it is safe for others to start now.")
    with transaction.atomic():
        run = _locked(run)
        if run.is_active:
            raise NotNow(f"Run {run.number} has not ended. Cancel it, or give it up, first.")
        if not run.holds_lock:
            raise NotNow(f"Run {run.number} holds no lock any more.")
        audit.record("release lock", by=by, target=run.lock_group, why=reason, run=run.number)
        return _change(run, ring=False, holds_lock=False, lock_released_by=by, lock_release_reason=reason.strip())


# -- what they share


def _must_wait_for_person(run: Run) -> None:
    ended_with_lock = run.state in (Run.State.FAILED, Run.State.CANCELLED) and run.holds_lock
    if not ended_with_lock and run.state not in (Run.State.UNKNOWN, Run.State.WAITING):
        raise NotNow(f"Run {run.number} is {run.state} and waits for no decision. Make a new plan.")


def _give_time(run: Run) -> None:
    """What is under way has its longest time once more, from a person's decision on: it would wait for the next one at once."""
    Step.objects.filter(run=run, state__in=(Step.State.INTENT, Step.State.UNKNOWN)).update(started=timezone.now())


def _go_on(run: Run) -> Run:
    """Nobody wants it stopped any more: what a stop left with its effects would make a failure of what has not happened."""
    for row in Effect.objects.filter(run=run, answer__has_key="cancel").exclude(state__in=(*Effect.FINISHED, Effect.State.REPLACED)):
        kept = {name: value for name, value in row.answer.items() if name not in ("cancel", "abort_at")}
        Effect.objects.filter(pk=row.pk).update(answer=kept)
    _give_time(run)
    return _change(run, state=Run.State.RUNNING, cancel=Run.Cancel.NONE, ended=None, said="", wake_at=0, troubles=0)


def _locked(run: Run) -> Run:
    return Run.objects.select_for_update(of=("self",)).select_related("requested_by").get(number=run.number)


def _change(run: Run, *, ring: bool = True, **changes: Any) -> Run:
    """Inside a transaction that holds the run's row."""
    Run.objects.filter(number=run.number).update(revision=F("revision") + 1, **changes)
    run.refresh_from_db()
    revision = run.revision
    transaction.on_commit(lambda: doorbell.state_changed(run.number, revision))
    if ring:
        transaction.on_commit(lambda: doorbell.ring(run.number))
    return run
