"""Logs of a service's hosts, side by side: read once here, and followed by the page's script over `/ws/tail/`."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from deployments import tails
from deployments.targets import target_or_404
from people.views import may_view
from runs.redact import redact


@require_safe
@may_view
def logs(request: HttpRequest, service: str, environment: str) -> HttpResponse:
    """Without a choice it asks for one; what is not known is left out."""
    target = target_or_404(service, environment)
    known, hosts = tails.logs_of(target), tails.hosts_of(target)
    log = next((each for each in known if each.key == request.GET.get("log")), None)
    chosen = [host for host in hosts if host.name in request.GET.getlist("host")][: tails.HOSTS]
    shown = [(host, piece, redact("\n".join(piece.lines))) for host, piece in tails.ends_of(chosen, log)] if log else []
    asked = [("service", service), ("environment", environment), ("log", log.key if log else ""), *(("host", host.name) for host in chosen)]
    context = {
        "target": target,
        "environment": target.environment,
        "known": known,
        "hosts": hosts,
        "log": log,
        "chosen": {host.name for host in chosen},
        "shown": shown,
        "socket": f"/ws/tail/?{urlencode(asked)}",
        "most": tails.HOSTS,
    }
    return render(request, "deployments/tail.html", context)
