from __future__ import annotations

from django.urls import path

from deployments import alert_views, by_hand_views, consent_views, rundeck_views, script_views, tail_views, views

app_name = "deployments"
urlpatterns = [
    path("services/", views.services, name="services"),
    path("services/<service>/<environment>/", views.service, name="service"),
    path("services/<service>/<environment>/waiting", views.waiting, name="waiting"),
    path("services/<service>/<environment>/logs/", tail_views.logs, name="logs"),
    path("services/<service>/<environment>/earlier", views.earlier, name="earlier"),
    path("services/<service>/<environment>/plan/", views.plan_new, name="plan-new"),
    path("services/<service>/<environment>/follow/", views.follow, name="follow"),
    path("services/<service>/<environment>/operations/<slug:key>/", views.operation_new, name="operation-new"),
    path("services/<service>/<environment>/reopen/", alert_views.reopen, name="reopen"),
    path("by-hand/<slug:thing>/", by_hand_views.page, name="by-hand"),
    path("by-hand/<slug:thing>/ports", by_hand_views.ports, name="by-hand-ports"),
    path("by-hand/<slug:thing>/note/", by_hand_views.note, name="by-hand-note"),
    path("rundeck/", rundeck_views.jobs, name="rundeck"),
    path("rundeck/<slug:id>/", rundeck_views.job, name="rundeck-job"),
    path("rundeck/<slug:id>/run/", rundeck_views.run, name="rundeck-run"),
    path("alerts/", alert_views.alerts, name="alerts"),
    path("plans/<uuid:pk>/", views.plan, name="plan"),
    path("plans/<uuid:pk>/gates", views.gates, name="gates"),
    path("plans/<uuid:pk>/start/", views.start, name="start"),
    path("plans/<uuid:pk>/approve/", consent_views.approve, name="approve"),
    path("plans/<uuid:pk>/break-glass/", consent_views.break_glass, name="break-glass"),
    path("plans/<uuid:pk>/book/", consent_views.book, name="book"),
    path("bookings/<int:booking>/cancel/", consent_views.cancel, name="booking-cancel"),
    path("runs/<int:number>/evidence", views.evidence, name="evidence"),
    path("runs/<int:number>/logs/<slug:instance>.zip", views.bundle, name="bundle"),
    path("runs/<int:number>/evidence.zip", views.evidence_pack, name="pack"),
    path("runs/<int:number>/rest.sh", script_views.rest_script, name="rest-script"),
    path("plans/<uuid:pk>/plan.sh", script_views.plan_script, name="plan-script"),
]
