"""The web process: pages and API by Django, live frames by Channels."""

from __future__ import annotations

import gc
import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from channels.sessions import SessionMiddlewareStack
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")
django_application = get_asgi_application()

from channels.auth import AuthMiddleware  # noqa: E402  (models are there only after Django is set up)
from django.conf import settings  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from opsconsole.checks import require_sound_settings  # noqa: E402
from opsconsole.sockets import websocket_urlpatterns  # noqa: E402

require_sound_settings()
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": OriginValidator(SessionMiddlewareStack(AuthMiddleware(URLRouter(websocket_urlpatterns))), [settings.SITE_URL]),
    }
)

# What is there from now on stays: looking through all of it for garbage holds a request up for an eighth of a second, now and then.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
