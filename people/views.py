"""The door: sign in, sign out; and what keeps a page from those who may not see it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from people import audit
from people.forms import SignInForm
from people.models import Operator
from people.permissions import Forbidden, require

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def may_view(view: View[P]) -> View[P]:
    """For every page: whoever is signed in and has no role sees nothing but why. Strangers are sent to the door by the middleware."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            require(request.user, "view")
        except Forbidden as refused:
            raise PermissionDenied(str(refused)) from refused
        return view(request, *args, **kwargs)

    return guarded


class SignIn(auth.LoginView):
    template_name = "people/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        audit.record("sign in", by=form.get_user(), target=form.get_user().username)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if isinstance(form, SignInForm) and form.is_throttled:
            response.status_code = 429
        return response


class SignOut(auth.LogoutView):
    """By POST alone: a link cannot sign anybody out."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, Operator):
            audit.record("sign out", by=request.user, target=request.user.username)
        return super().post(request, *args, **kwargs)
