from __future__ import annotations

from django.urls import path

from monitoring.board import views as board
from monitoring.dashboards import views as dashboards
from monitoring.deadlines import views as deadlines

app_name = "monitoring"
urlpatterns = [
    path("health/", board.health, name="health"),
    path("deadlines/", deadlines.board, name="deadlines"),
    path("monitoring/", dashboards.production, name="production"),
    path("monitoring/<slug:name>/", dashboards.dashboard, name="dashboard"),
    path("monitoring/<slug:name>/figures", dashboards.figures, name="figures"),
    path("monitoring/<slug:name>/happened", dashboards.happened, name="happened"),
    path("monitoring/<slug:name>/<slug:widget>/", dashboards.table, name="table"),
    path("monitoring/<slug:name>/<slug:widget>.csv", dashboards.export, name="export"),
]
