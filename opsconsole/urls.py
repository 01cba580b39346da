"""Where everything is found."""

from __future__ import annotations

from django.urls import include, path

from opsconsole import api, console_views, health, metrics, promise_views, views

urlpatterns = [
    path("", views.now, name="now"),
    path("bar/", views.bar, name="bar"),
    path("", include("people.urls")),
    path("", include("people.notifications.urls")),
    path("", include("people.allauth_urls")),
    path("", include("deployments.urls")),
    path("access/", include("access.urls")),
    path("runs/", include("runs.urls")),
    path("", include("monitoring.urls")),
    path("alarms/", include("monitoring.alarms.urls")),
    path("", include("handover.urls")),
    path("api/v1/", api.urls),
    path("promises/", promise_views.page, name="promises"),
    path("console/", console_views.page, name="console"),
    path("console/drain", console_views.drain, name="console-drain"),
    path("console/lift", console_views.lift, name="console-lift"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]

handler500 = "opsconsole.server_error.server_error"
