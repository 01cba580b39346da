"""A look at what a run has left open: each open effect's probe is asked now, and nothing is written, started or decided.

What a person sees here is what the engine would find if it went on; taking that over is `runs.actions.adopt`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import connection

from remote.errors import RemoteError
from runs import plan
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running, kind_of
from runs.models import Effect, Run, Step

SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class Looked:
    """`state` is a light; `then` is what the run does with it when it is adopted."""

    target: str
    state: str
    said: str
    then: str


class _Unheard:
    """Output that a probe comes across is not stored: this is no tick."""

    def write(self, data: bytes, *, offset: int | None = None) -> None: ...

    def line(self, text: str) -> None: ...


def look(run: Run) -> tuple[Looked, ...]:
    """What the world says of every effect that is begun and not settled, in the order of the plan. Each probe has its own deadline."""
    try:
        document = plan.Plan.from_json(run.plan.document)
    except (LookupError, TypeError) as error:
        said = f"{_of_other_code(run)}, and this one cannot read its plan ({type(error).__name__}: {error})."
        return (Looked(run.title, "unknown", said, "stays unknown: decide yourself"),)
    acts = {act.key: act for act in document.acts}
    rows = Effect.objects.filter(run=run, step__state__in=(Step.State.INTENT, Step.State.UNKNOWN, Step.State.FAILED))
    settled = (*Effect.FINISHED, Effect.State.PLANNED, Effect.State.REPLACED)
    open_rows = sorted((row for row in rows.exclude(state__in=settled) if row.act in acts), key=lambda row: list(acts).index(row.act))

    def one(row: Effect) -> Looked:
        try:
            return _looked(row, _ask(run, acts[row.act], row, document))
        finally:
            connection.close()

    if not open_rows:
        return ()
    with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(open_rows)), "look") as pool:
        return tuple(pool.map(one, open_rows))


def _ask(run: Run, act: plan.Act, row: Effect, document: plan.Plan) -> Finding:
    context = Context(
        run=run.number,
        epoch=run.epoch,
        facts=document.facts,
        intent_at=row.intent_at,
        answer={**row.answer, "offset": row.offset},
        out=lambda host: _Unheard(),
        cancelled=lambda: run.cancel == Run.Cancel.ABORT,
        patience=0.0,
        pressed_at=run.created,
        key=row.key,
        attempt=row.attempt,
        again_at=row.again_at,
    )
    try:
        return kind_of(act).probe(act, context)
    except RemoteError as error:
        return CannotTell(f"It could not be asked: {error.told}")
    except LookupError as error:
        return CannotTell(f"{_of_other_code(run)}, and {error}.")


def _of_other_code(run: Run) -> str:
    return f"This run was planned by version {run.code_version} of the console"


def _looked(row: Effect, finding: Finding) -> Looked:
    match finding:
        case Done(said):
            return Looked(row.target, "ok", said or "It has happened.", "counts as done, and the run goes on")
        case Failed(said):
            return Looked(row.target, "bad", said, "counts as failed, and the run ends as failed")
        case Running(said, certain=False):
            return Looked(row.target, "unknown", said, "is asked again, and begun again only when the request can no longer arrive")
        case Running(said):
            return Looked(row.target, "info", said or "It is under way.", "is followed to its end; it is not begun again")
        case NotDone(said):
            return Looked(row.target, "wait", said or "It has not happened.", "is begun, because it certainly has not happened")
        case CannotTell(why):
            return Looked(row.target, "unknown", why, "stays unknown: decide yourself")
