"""What can happen to a call on its way: a key that is not good, throttling, lost answers, errors of AWS itself.

Lives here: a WSGI layer in front of moto. It knows a call by its action alone and nothing of what the action does.
"""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from sandbox.aws import keys
from sandbox.world import World

Environ = dict[str, Any]
Respond = Callable[..., Any]
Application = Callable[[Environ, Respond], Iterable[bytes]]

# Calls a second and burst: said by Beanstalk's own team; the account shares them. Real time: limits do not run faster.
LIMITED = {"DescribeEnvironments": (2.0, 15.0), "DescribeEvents": (2.0, 15.0)}


class Bucket:
    """Tokens that come back at a rate. Not thread-safe by itself."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._filled = burst, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


LONGEST = 60.0  # seconds that the fault `aws-slow` keeps a caller waiting


class Wire:
    def __init__(self, world: World, application: Application) -> None:
        self._faults, self._deeds = world.faults, world.deeds
        self._application = application
        self._buckets = {action: Bucket(*limit) for action, limit in LIMITED.items() if world.limited}
        self._throttled_until = 0.0
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, respond: Respond) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/moto-api"):
            return _refuse(respond, 404, "NotFound", "There is no such address.", s3=False)
        key, service, action = _called(environ)
        s3, as_json = service == "s3", "HTTP_X_AMZ_TARGET" in environ  # CloudWatch speaks JSON
        if keys.is_refused(key):
            status, code, message = keys.refusal(service, as_json=as_json)
            return _refuse(respond, status, code, message, s3=s3, as_json=as_json)
        if self._is_throttled(service, action):
            self._deeds.end(self._deeds.begin(f"throttled {action}", service))
            code, status = ("SlowDown", 503) if s3 else ("Throttling", 400)
            return _refuse(respond, status, code, "Rate exceeded", s3=s3, as_json=as_json)
        if self._faults.strikes("access-denied", service=service, operation=action):
            message = f"The caller is not authorized to perform {service}:{action or 'this'}"
            return _refuse(respond, 403, "AccessDenied", message, s3=s3, as_json=as_json)
        if slow := self._faults.strikes("aws-slow", service=service, operation=action):
            time.sleep(min(float(slow.options.get("seconds", "5")), LONGEST))
        if action == "PutObject" and self._faults.strikes("s3-refuses"):
            return _refuse(respond, 403, "AccessDenied", "Access Denied", s3=True)
        if self._faults.strikes("aws-500", operation=action):
            message = "The request processing has failed because of an unknown error, exception or failure."
            return _refuse(respond, 500, "InternalError" if s3 else "InternalFailure", message, s3=s3, as_json=as_json)
        lost = self._faults.strikes("lost-reply", operation=action)
        try:
            answered = self._application(environ, (lambda *_: None) if lost else respond)
        except NotImplementedError:
            return _refuse(respond, 400, "InvalidAction", f"The action {action} is not valid for this endpoint.", s3=s3, as_json=as_json)
        return _hang_up(environ, answered) if lost else answered

    def _is_throttled(self, service: str, action: str) -> bool:
        with self._lock:
            fault = self._faults.strikes("throttle", operation=action)
            if fault:
                self._throttled_until = time.monotonic() + float(fault.options.get("seconds", 0))
            if fault or time.monotonic() < self._throttled_until:
                return True
            bucket = self._buckets.get(action) if service == "elasticbeanstalk" else None
            return bucket is not None and not bucket.take()


def _called(environ: Environ) -> tuple[str, str, str]:
    """The key and the service, told by the signature, and the action. An unsigned call is one to S3, as a signed address is."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    key, service = scope[0], scope[3] if len(scope) > 3 else "s3"
    if service == "s3":
        return key, service, _s3_action(environ)
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return key, service, target.rpartition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        return key, service, parse_qs(body.decode()).get("Action", [""])[0]
    return key, service, ""


def _s3_action(environ: Environ) -> str:
    is_object = environ["PATH_INFO"].strip("/").count("/") > 0
    if environ["REQUEST_METHOD"] == "PUT":
        return "PutObject" if is_object else "CreateBucket"
    if environ["REQUEST_METHOD"] == "POST" and is_object:
        return "PutObject"  # the parts of a large one
    return {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(environ["REQUEST_METHOD"], "")


def _refuse(respond: Respond, status: int, code: str, message: str, *, s3: bool, as_json: bool = False) -> list[bytes]:
    request_id = str(uuid4())
    if as_json:
        encoded = json.dumps({"__type": code, "message": message}).encode()
        respond(f"{status} {code}", [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(encoded)))])
        return [encoded]
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    if s3:
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{error}<RequestId>{request_id}</RequestId></Error>'
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    encoded = body.encode()
    respond(f"{status} {code}", [("Content-Type", "text/xml"), ("Content-Length", str(len(encoded))), ("x-amzn-requestid", request_id)])
    return [encoded]


def _hang_up(environ: Environ, answered: Iterable[bytes]) -> list[bytes]:
    """The work is done; nobody hears of it."""
    for _ in answered:
        pass
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("the answer was lost")
