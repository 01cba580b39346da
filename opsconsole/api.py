"""The API's root: who is calling, which routers there are. What goes wrong leaves as a problem document (`opsconsole.problems`).

A router belongs to the package whose words it speaks: `estate.api`, `runs.api`, `deployments.api`.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

import access.api
import deployments.api
import deployments.besides_api
import estate.api
import handover.api
import monitoring.alarms.api
import monitoring.api
import people.api
import runs.api
import runs.deciding_api
import runs.draining_api
from deployments.actions import start_release
from deployments.operations import start_operation
from opsconsole import once, problems
from people import origin
from people.models import Operator, Token
from people.permissions import Forbidden


class BearerToken(HttpBearer):
    """A token stands for its operator, with the operator's permissions."""

    def authenticate(self, request: HttpRequest, token: str) -> Operator | None:
        holder = Token.holder(token, at=timezone.now())
        if holder is not None:
            request.user = holder
            origin.add("by token")
        return holder


class SignedIn(APIKeyCookie):
    """A browser's session, so that pages can ask the API; changes need the CSRF token as any form does."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self) -> None:
        super().__init__(csrf=False)  # asked below: only of those who are signed in

    def authenticate(self, request: HttpRequest, key: str | None) -> Operator | None:
        if "Authorization" in request.headers or not isinstance(request.user, Operator):
            return None
        if request.method not in ("GET", "HEAD", "OPTIONS") and check_csrf(request) is not None:
            raise Forbidden("The CSRF token is missing or wrong: reload the page, or send a bearer token.")
        return request.user


class Described(NinjaAPI):
    """Its description names, for every operation, what comes when something is wrong."""

    def get_openapi_schema(self, **options: Any) -> Any:
        schema = super().get_openapi_schema(**options)
        once.describe(schema)
        schema["components"]["schemas"]["Problem"] = problems.SCHEMA
        wrong = {"description": "A problem", "content": {problems.TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = wrong
        return schema


api = Described(
    title="Ops Console",
    version="1",
    description="The same actions and permissions as the pages. Send a token: Authorization: Bearer …",
    docs_url=None,
    openapi_url="openapi.json",
    auth=[BearerToken(), SignedIn()],
    urls_namespace="api",
)
problems.install(api)
for router in (
    estate.api.router,
    handover.api.router,
    deployments.api.router,
    deployments.besides_api.router,
    monitoring.api.router,
    monitoring.alarms.api.router,
    access.api.router,
    runs.api.router,
    runs.deciding_api.router,
    runs.draining_api.router,
    people.api.router,
):
    api.add_router("", router)
once.install(api)
runs.api.register_starter("release", start_release)
runs.api.register_starter("operation", start_operation)


@login_not_required
@csrf_exempt
def unknown(request: HttpRequest, rest: str = "") -> Any:
    return problems.problem(request, 404, f"There is no {request.path} in the API. GET /api/v1/openapi.json lists what there is.")


def _urls() -> list[URLPattern]:
    """Ninja's own, freed of the sign-in page (callers without a token get a 401, not a form), then everything else."""
    patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern) and pattern.name != "api-root"]
    for pattern in patterns:
        pattern.callback = problems.told(pattern.callback)
    return [*patterns, path("", unknown, name="api-root"), path("<path:rest>", unknown)]


urls = (_urls(), api.urls[1], api.urls[2])
