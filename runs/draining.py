"""The switch by which the whole console takes up nothing new, and is opened again by hand. It is a row: every process asks the database.

Two strengths. Nothing new begins: what is under way goes on to its end, since a release that stands still may leave the shop closed.
Or everything stands still: what is under way is handed over at the next moment when that can be done, and nobody takes it up. Whatever a
person stops is worked on all the same: stopping must be possible at any time.

Where it is asked: at each claim (`runs.leases`), twice a second by whoever works on a run (`runs.work.Wish`), by the scheduler before it
rings, and by every page.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Exists, Q, QuerySet
from django.utils import timezone

from people import audit
from people.models import Operator
from people.permissions import require
from runs import doorbell
from runs.actions import NotNow
from runs.models import Drain, Run

TICKABLE = (Run.State.QUEUED, Run.State.RUNNING)


def drained() -> Drain | None:
    """What is on now."""
    return Drain.objects.filter(is_on=True).select_related("by").first()


def holds() -> Q:
    """Whether a run is one that nobody is to take up now."""
    on = Drain.objects.filter(is_on=True)
    return Q(Exists(on.filter(everything=True)) | Q(Exists(on), started=None), cancel=Run.Cancel.NONE)


def marked() -> QuerySet[Run]:
    """Runs that know whether they stand still."""
    return Run.objects.annotate(kept_back=holds())


def held() -> QuerySet[Run]:
    """The runs that begin, or go on, when it is lifted."""
    return Run.objects.filter(holds(), state__in=TICKABLE).order_by("number")


def drain(reason: str, *, everything: bool = False, by: Operator) -> Drain:
    """Raises Forbidden, ProveAgain, NotNow."""
    require(by, "drain")
    if not reason.strip():
        raise NotNow("Say why: whoever finds it tomorrow wants to know whether it may be lifted.")
    try:
        with transaction.atomic():
            made: Drain = Drain.objects.create(reason=reason.strip(), everything=everything, by=by)
            what = "everything stands still" if everything else "nothing new begins"
            audit.record("drain", by=by, target="the console", why=made.reason, facts={"what": what})
    except IntegrityError:
        raise NotNow("It is drained already. Lift that first if you want it otherwise.") from None
    return made


def lift(*, by: Operator) -> list[int]:
    """The numbers of the runs that are rung for. Raises Forbidden, ProveAgain, NotNow."""
    require(by, "drain")
    with transaction.atomic():
        numbers = list(held().values_list("number", flat=True))
        if not Drain.objects.filter(is_on=True).update(is_on=False, lifted=timezone.now(), lifted_by=by):
            raise NotNow("It is not drained: there is nothing to lift.")
        audit.record("lift drain", by=by, target="the console", facts={"runs": ", ".join(map(str, numbers)) or "none"})
        transaction.on_commit(lambda: all(map(doorbell.ring, numbers)))
    return numbers
