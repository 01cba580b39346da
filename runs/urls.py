from __future__ import annotations

from django.urls import path

from runs import log_views, views

app_name = "runs"
urlpatterns = [
    path("", views.history, name="list"),
    path("<int:number>/", views.detail, name="detail"),
    path("<int:number>/live", views.live, name="live"),
    path("<int:number>/log.json", log_views.log, name="log"),
    path("<int:number>/log.txt", log_views.download, name="download"),
    path("<int:number>/cancel", views.cancel, name="cancel"),
    path("<int:number>/release-lock", views.release_lock, name="release-lock"),
    path("<int:number>/look", views.look, name="look"),
    path("<int:number>/check-now", views.check_now, name="check-now"),
    path("<int:number>/resume", views.resume, name="resume"),
    path("<int:number>/give-up", views.give_up, name="give-up"),
    path("<int:number>/steps/<int:position>/by-hand", views.by_hand, name="by-hand"),
]
