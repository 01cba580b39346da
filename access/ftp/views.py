"""The page of the FTP account."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from access import place
from access.ftp import account
from access.models import FtpRotation, Seen
from people.permissions import Forbidden, may, require
from people.views import may_view
from remote.errors import RemoteError
from runs.actions import Refusal


@require_safe
@may_view
def ftp(request: HttpRequest) -> HttpResponse:
    return page(request)


@require_POST
@may_view
def rotate(request: HttpRequest) -> HttpResponseBase:
    try:
        by = require(request.user, account.KIND, place.ftp().environment)
        run = account.rotate(reason=request.POST.get("reason", ""), by=by)
    except Forbidden as refused:
        return page(request, str(refused), status=403)
    except ValidationError as refused:
        return page(request, " ".join(refused.messages), status=422)
    except Refusal as refused:
        return page(request, str(refused), status=409)
    except RemoteError as error:
        return page(request, error.told, status=error.status)
    return redirect("runs:detail", run.number)


@require_POST
@may_view
@never_cache
@sensitive_variables()
def show(request: HttpRequest, rotation: int) -> HttpResponseBase:
    """The password is on this answer and nowhere else."""
    try:
        by = require(request.user, account.KIND, place.ftp().environment)
        return page(request, password=account.show(_rotation(rotation), by=by))
    except Forbidden as refused:
        return page(request, str(refused), status=403)
    except Refusal as gone:
        return page(request, str(gone), status=410)
    except RemoteError as error:
        return page(request, f"{error.told} It can still be shown.", status=error.status)


def _rotation(number: int) -> FtpRotation:
    return get_object_or_404(FtpRotation.objects.select_related("run"), pk=min(number, 2**62))


def page(request: HttpRequest, refused: str = "", *, password: str = "", status: int = 200) -> HttpResponse:
    try:
        found = place.ftp()
    except place.NotConfigured as missing:
        return render(request, "access/not_configured.html", {"why": str(missing), "tab": "ftp"}, status=status)
    seen = Seen.objects.filter(name=account.NAME).first()
    context = {
        "tab": "ftp",
        "account": found,
        "seen": seen,
        "checks": list(account.checks(found, seen.facts if seen else {}, timezone.now())),
        "rotations": FtpRotation.objects.select_related("run", "asked_by")[:8],
        "may_change": may(request.user, account.KIND, found.environment),
        "password": password,
        "refused": refused,
    }
    return render(request, "access/ftp.html", context, status=status)
