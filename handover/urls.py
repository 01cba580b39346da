from __future__ import annotations

from django.urls import path

from handover import estate_views, views

app_name = "handover"
urlpatterns = [
    path("handover/", views.claims, name="claims"),
    path("handover/document.md", views.document_markdown, name="document-markdown"),
    path("handover/document/", views.document_page, name="document"),
    path("handover/claims/<int:claim>/", views.claim, name="claim"),
    path("handover/claims/<int:claim>/<slug:what>/", views.say, name="say"),
    path("estate/", estate_views.estate, name="estate"),
    path("estate/topology/", estate_views.topology_page, name="topology"),
    path("estate/topology.svg", estate_views.topology_svg, name="topology-svg"),
    path("estate/certificate/<path:resource>/renewal/", estate_views.renew, name="renew"),
    path("estate/<slug:kind>/<path:resource>/operations/<slug:what>/", estate_views.operate, name="operate"),
    path("estate/<slug:kind>/<path:resource>/", estate_views.resource, name="resource"),
]
