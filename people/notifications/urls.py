from __future__ import annotations

from django.urls import path, re_path

from people.notifications import views

app_name = "notifications"
urlpatterns = [
    path("notifications/", views.settings_page, name="settings"),
    path("notifications/add/", views.add, name="add"),
    re_path(r"^notifications/(?P<number>\d{1,9})/(?P<what>test|remove|pause|resume)/$", views.change, name="change"),
]
