from __future__ import annotations

from django.urls import path

from access.ftp import views as ftp_views
from access.gateway import views as gateway_views
from access.vpn import delivery_views, views

app_name = "access"
urlpatterns = [
    path("", views.users, name="vpn"),
    path("vpn/", views.create, name="vpn-create"),
    path("vpn/claim/", views.claim, name="vpn-claim"),
    path("vpn/unknown/revoke/", views.revoke_unknown, name="vpn-revoke-unknown"),
    path("vpn/reapply/", views.reapply, name="vpn-reapply"),
    path("vpn/crl/", views.renew_crl, name="vpn-crl"),
    path("vpn/<name>/", views.user, name="vpn-user"),
    path("vpn/<name>/download/", delivery_views.download, name="vpn-download"),
    path("vpn/<name>/link/", delivery_views.link, name="vpn-link"),
    path("vpn/<name>/<slug:deed>/", views.change, name="vpn-change"),
    path("allow-list/", gateway_views.allow_list, name="allow-list"),
    path("allow-list/new/", gateway_views.allow, name="allow"),
    path("allow-list/myself/", gateway_views.allow_myself, name="allow-myself"),
    path("allow-list/<int:entry>/close/", gateway_views.close, name="allow-close"),
    path("allow-list/<int:entry>/agree/", gateway_views.agree, name="allow-agree"),
    path("exposure/", gateway_views.exposure_page, name="exposure"),
    path("ftp/", ftp_views.ftp, name="ftp"),
    path("ftp/rotate/", ftp_views.rotate, name="ftp-rotate"),
    path("ftp/<int:rotation>/show/", ftp_views.show, name="ftp-show"),
    path("get/<secret>/", delivery_views.get, name="vpn-get"),
]
