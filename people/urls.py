from __future__ import annotations

from django.urls import path

from people import account_views, audit_views, people_views, views

app_name = "people"
urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("welcome/<uidb64>/<token>/", views.Welcome.as_view(), name="welcome"),
    path("account/", account_views.account, name="account"),
    path("account/sessions/end", account_views.end_sessions, name="account-end-sessions"),
    path("account/tokens", account_views.issue_token, name="account-token"),
    path("account/tokens/<int:token>/revoke", account_views.revoke_token, name="account-revoke-token"),
    path("people/", people_views.everybody, name="list"),
    path("people/new", people_views.let_in, name="let-in"),
    path("people/<int:person>/", people_views.person, name="person"),
    path("people/<int:person>/role", people_views.change_role, name="role"),
    path("people/<int:person>/active", people_views.change_active, name="active"),
    path("people/<int:person>/link", people_views.new_link, name="link"),
    path("people/<int:person>/second-factor/remove", people_views.remove_second_factors, name="remove-second-factors"),
    path("people/<int:person>/sessions/end", people_views.end_sessions, name="end-sessions"),
    path("people/<int:person>/tokens/<int:token>/revoke", people_views.revoke_token, name="revoke-token"),
    path("audit/", audit_views.trail_page, name="audit"),
    path("audit/export.<slug:form>", audit_views.export, name="audit-export"),
]
