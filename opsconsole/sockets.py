"""Every websocket, of every package."""

from __future__ import annotations

from django.urls import path

from deployments.tail_consumers import TailConsumer
from runs import routing

websocket_urlpatterns = [*routing.websocket_urlpatterns, path("ws/tail/", TailConsumer.as_asgi())]
