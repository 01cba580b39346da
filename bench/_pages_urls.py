"""What the console's pages are held against, on the same server, behind the same middleware.

The empty view asks nobody and says nothing. The floor page is the least that a page of the console can be: a session, its person, fifty
rows of one table in a plain template.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from opsconsole.urls import handler500
from opsconsole.urls import urlpatterns as console
from people.views import may_view
from runs.models import Run

__all__ = ["handler500", "urlpatterns"]

FLOOR = engines["django"].from_string(
    "<html><body><p>{{ user }}</p><table>{% for run in runs %}<tr><td>{{ run.number }}</td><td>{{ run.title }}</td><td>{{ run.state }}</td>"
    "<td>{{ run.created }}</td><td>{{ run.requested_by }}</td></tr>{% endfor %}</table></body></html>"
)


@login_not_required
def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@may_view
def floor(request: HttpRequest) -> HttpResponse:
    runs = Run.objects.select_related("requested_by").order_by("-number")[:50]
    return HttpResponse(FLOOR.render({"runs": runs, "user": request.user}, request))


urlpatterns = [path("bench/empty", empty), path("bench/floor", floor), *console]
