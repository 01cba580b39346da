"""Handing a profile over: the one download, the one-time link, the page behind it. Taking it needs a press: a preview takes nothing."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from access import place
from access.vpn import delivery, plans
from access.vpn.delivery import Gone, Profile
from access.vpn.views import refuse, user_named, user_page
from people.permissions import Forbidden, require
from people.views import may_view
from remote.errors import RemoteError


@require_POST
@may_view
@never_cache
@sensitive_variables()
def download(request: HttpRequest, name: str) -> HttpResponseBase:
    try:
        by = require(request.user, plans.KIND, place.ways_in().environment)
        return _file(delivery.take(user_named(name), origin=_address(request), by=by))
    except Forbidden as refused:
        return refuse(request, name, str(refused), 403)
    except Gone as gone:
        return refuse(request, name, str(gone), 410)
    except RemoteError as error:
        return refuse(request, name, f"{error.told} The download is still there.", error.status)


@require_POST
@may_view
@never_cache
@sensitive_variables()
def link(request: HttpRequest, name: str) -> HttpResponseBase:
    """The address is on this answer and nowhere else."""
    try:
        by = require(request.user, plans.KIND, place.ways_in().environment)
        found = user_named(name)
        made, secret = delivery.make_link(found, by=by)
    except Forbidden as refused:
        return refuse(request, name, str(refused), 403)
    except Gone as gone:
        return refuse(request, name, str(gone), 410)
    return user_page(request, found, link=(request.build_absolute_uri(reverse("access:vpn-get", args=(secret,))), made.expires))


@require_http_methods(["GET", "HEAD", "POST"])
@login_not_required
@never_cache
@sensitive_variables()
def get(request: HttpRequest, secret: str) -> HttpResponseBase:
    """For a person without an account."""
    try:
        if request.method == "POST":
            return _file(delivery.take_by_link(secret, origin=_address(request)))
        found = delivery.behind(secret)
    except Gone as gone:
        return _alone(request, "This link is over", str(gone), status=410)
    except RemoteError as error:
        return _alone(request, "Not now", f"{error} Try again in a moment; the link is still good.", status=error.status)
    return _alone(request, f"Your VPN profile, {found.user.name}", "", name=found.user.name, until=found.expires)


def _alone(request: HttpRequest, title: str, said: str, *, status: int = 200, **more: object) -> HttpResponse:
    response = render(request, "access/get.html", {"title": title, "said": said, **more}, status=status)
    # The address is a secret: only the site is told onwards. Under “no-referrer” a browser presses from “null”, which is refused.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _file(profile: Profile) -> HttpResponse:
    response = HttpResponse(profile.content, content_type="application/x-openvpn-profile")
    response["Content-Disposition"] = f'attachment; filename="{profile.name}.ovpn"'
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
