"""Where the websockets are."""

from __future__ import annotations

from django.urls import path

from runs.consumers import NowConsumer, RunConsumer

websocket_urlpatterns = [
    path("ws/runs/<int:number>/", RunConsumer.as_asgi()),
    path("ws/now/", NowConsumer.as_asgi()),
]
