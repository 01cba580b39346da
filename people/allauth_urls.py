"""Those of allauth's addresses that are used here, by the names that it knows them by. Nobody signs up, and nothing is sent by mail."""

from __future__ import annotations

from allauth.account.views import account_inactive, password_change, reauthenticate
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import include, path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from people import views


@require_safe
@login_not_required
def turned_away(request: HttpRequest) -> HttpResponseBase:
    """Where single sign-on ends without a sign-in."""
    messages.error(request, "Single sign-on did not let you in. Try again, or ask an admin.")
    return redirect("people:sign-in")


urlpatterns = [
    path("account/sign-in/", views.SignIn.as_view(), name="account_login"),
    path("account/sign-out/", views.SignOut.as_view(), name="account_logout"),
    path("account/inactive/", account_inactive, name="account_inactive"),
    path("account/confirm/", reauthenticate, name="account_reauthenticate"),
    path("account/password/", password_change, name="account_change_password"),
    path("account/second-factor/", RedirectView.as_view(pattern_name="people:account"), name="mfa_index"),
    path("account/second-factor/", include("allauth.mfa.urls")),
    path("account/sso/cancelled/", turned_away, name="socialaccount_login_cancelled"),
    path("account/sso/error/", turned_away, name="socialaccount_login_error"),
    path("account/sso/unknown/", turned_away, name="socialaccount_signup"),
    path("account/", include("allauth.socialaccount.providers.openid_connect.urls")),
]
