from __future__ import annotations

from django.urls import path

from monitoring.alarms import views

app_name = "alarms"
urlpatterns = [
    path("", views.listed, name="list"),
    path("plans/<uuid:pk>/", views.plan, name="plan"),
    path("plans/<uuid:pk>/start", views.start, name="start"),
    path("sns", views.sns, name="sns"),
    path("mute", views.mute, name="mute"),
    path("unmute", views.unmute, name="unmute"),
    path("subscribe", views.subscribe, name="subscribe"),
    path("one/<path:name>/acknowledge", views.acknowledge, name="acknowledge"),
    path("one/<path:name>/apply", views.apply, name="apply"),
    path("one/<path:name>/", views.detail, name="detail"),  # last: a name may have a slash in it
]
