"""The door: sign in, sign out; and what keeps a page from those who may not see it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy

from people import audit, sessions
from people.forms import SignInForm
from people.models import Operator
from people.permissions import Forbidden, require
from people.second_factor import is_missing

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def may_view(view: View[P]) -> View[P]:
    """For every page: whoever is signed in and has no role sees nothing but why. Strangers are sent to the door by the middleware.

    Who has yet to set up the second factor is led to where that is done.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            require(request.user, "view")
        except Forbidden as refused:
            if isinstance(request.user, Operator) and is_missing(request.user) and request.method == "GET":
                return redirect("people:account")
            raise PermissionDenied(str(refused)) from refused
        return view(request, *args, **kwargs)

    return guarded


class SignIn(auth.LoginView):
    template_name = "people/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """The password is right. Who has a second factor is asked for it before the session is theirs."""
        login = Login(user=form.get_user(), email_verification="none", redirect_url=self.get_success_url())
        response: HttpResponse = perform_password_login(self.request, {"username": form.get_user().get_username()}, login)
        return response

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        sso = settings.OIDC_NAME if settings.OIDC_ISSUER else ""
        return super().get_context_data(**more) | {"sso": sso, "asks_second": settings.SECOND_FACTOR}

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if isinstance(form, SignInForm) and form.is_throttled:
            response.status_code = 429
        return response


class Welcome(auth.PasswordResetConfirmView):
    """Where a one-time link leads: the person chooses a password, then signs in with it."""

    template_name = "people/welcome.html"
    success_url = reverse_lazy("people:sign-in")
    post_reset_login = False

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        audit.record("choose password", by=form.user, target=form.user.username, why="by a one-time link")
        sessions.look_again(form.user)
        messages.success(self.request, "Your password is set. Sign in with it.")
        return response


class SignOut(auth.LogoutView):
    """By POST alone: a link cannot sign anybody out."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        who = request.user
        if isinstance(who, Operator):
            audit.record("sign out", by=who, target=who.username)
        response = super().post(request, *args, **kwargs)
        if isinstance(who, Operator):
            sessions.look_again(who)
        return response
