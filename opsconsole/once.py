"""Idempotency keys for every operation of the API that changes something: a program that lost an answer asks again, and it is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.operation import Operation

from estate.validators import idempotency_key
from people.answered import Answer, Intention
from people.models import Operator

HEADER = "Idempotency-Key"
SAFE = {"GET", "HEAD", "OPTIONS"}
DESCRIBED: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "description": "The same key with the same request gets the same answer for a day, and nothing is done twice. New for each intention.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 100, "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{7,99}$"},
}


def install(api: NinjaAPI) -> None:
    for router in api._get_bound_routers():
        for path in router.path_operations.values():
            for operation in path.operations:
                if not SAFE.issuperset(operation.methods):
                    operation.view_func = _once(operation)


def describe(schema: dict[str, Any]) -> None:
    """In the API's description, where an operation does not name the header itself."""
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            parameters = operation.setdefault("parameters", [])
            if method.upper() not in SAFE and HEADER not in [each["name"] for each in parameters]:
                parameters.append(DESCRIBED)


def _once(operation: Operation) -> Callable[..., Any]:
    view = operation.view_func
    # Those that read the header hand it on to what they start, which knows by it what it has begun.
    knows = any(HEADER in getattr(model, "__ninja_flatten_map__", ()) for model in operation.models)

    @wraps(view)
    def once(request: HttpRequest, **values: Any) -> Any:
        key = request.headers.get(HEADER, "")
        if not key or not isinstance(request.user, Operator):
            return view(request, **values)
        intention = Intention(request.user, idempotency_key(key), _digest(request))
        before = intention.begin(repeatable=knows)
        if before is not None:
            return HttpResponse(
                before.content, status=before.status, content_type="application/json", headers={"Idempotency-Replayed": "true"}
            )
        done = False
        try:
            result = view(request, **values)
            done = True
        finally:
            if not done:  # refused: the key may try again
                intention.forget()
        answer = operation._result_to_response(request, result, operation.api.create_temporal_response(request))
        assert isinstance(answer, HttpResponse)  # noqa: S101 -- no operation that changes something streams
        intention.end(Answer(answer.status_code, answer.content))
        return answer

    return once


def _digest(request: HttpRequest) -> str:
    asked = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(asked + request.body).hexdigest()
