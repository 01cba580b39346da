"""Where everything is found."""

from __future__ import annotations

from django.urls import include, path

from opsconsole import api, health, views

urlpatterns = [
    path("", views.now, name="now"),
    path("bar/", views.bar, name="bar"),
    path("", include("people.urls")),
    path("", include("deployments.urls")),
    path("runs/", include("runs.urls")),
    path("api/v1/", api.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
