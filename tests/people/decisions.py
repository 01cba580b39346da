"""Who may reach what: a decision for every address, every operation of the API and every websocket. `test_matrix.py` holds the code to it.

A new one without a line here fails the suite. Which line:

- `OPEN`: strangers may (health, the door itself). Rare; say why behind it.
- `SIGNED_IN`: whoever is signed in, with or without a role (their own sessions, signing out).
- `SEE`: it shows something, changes nothing, and every viewer may (`@may_view` on a page, `require(request.user, "view")` in the API).
- `see("action")`: it shows something to those alone who may do that action, and changes nothing.
- `act("action", field="value", …)`: POST changes something; `people.permissions` says which role may do that action in the environment of
  the object. The fields are what has to be sent so that the permission is the only thing that can refuse.

Permission is asked first, before anything else that was sent is judged, and by `people.permissions.require`, which records a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Decided:
    who: str
    action: str = ""
    sent: dict[str, Any] = field(default_factory=dict)
    anywhere: bool = False  # the action is of no environment
    within: str = ""  # the one environment that it is of


OPEN, SIGNED_IN, SEE = Decided("open"), Decided("signed in"), Decided("see")


def act(action: str, *, anywhere: bool = False, within: str = "", **sent: Any) -> Decided:
    """`{run}`, `{plan}`, `{hash}`, `{booking}` and `{environment}` in what is sent are the object's."""
    return Decided("act", action, sent, anywhere, within)


def see(action: str) -> Decided:
    """Shown to those alone who may do that there."""
    return Decided("see", action)


PAGES: dict[str, Decided] = {
    "now": SEE,
    "bar": SEE,
    "promises": SEE,
    "console": SEE,
    "console-drain": act("drain", anywhere=True, reason="the database moves"),
    "console-lift": act("drain", anywhere=True),
    "healthz": OPEN,  # load balancers ask; it says nothing of the estate
    "readyz": OPEN,  # the same
    "people:sign-in": OPEN,
    "people:sign-out": SIGNED_IN,
    "handover:claims": SEE,
    "handover:claim": SEE,
    "handover:document": SEE,
    "handover:document-markdown": SEE,
    "handover:estate": SEE,
    "handover:topology": SEE,
    "handover:topology-svg": SEE,
    "handover:resource": SEE,
    "handover:operate": act("estate", confirmation="client-magento-prod", idempotency_key="a-key-of-somebody"),
    "handover:renew": act("estate", within="production"),
    "handover:say": act("claims", anywhere=True, text="as it is"),
    "deployments:services": SEE,
    "deployments:service": SEE,
    "deployments:waiting": SEE,
    "deployments:plan-new": act("plan"),
    "deployments:follow": act("adopted"),
    "deployments:operation-new": act("operation"),
    "deployments:reopen": act("operation"),
    "deployments:alerts": SEE,
    "deployments:earlier": SEE,
    "deployments:plan": SEE,
    "deployments:gates": SEE,
    "deployments:start": act("release"),
    "deployments:approve": act("approve", hash="{hash}"),
    "deployments:break-glass": act("break-glass", hash="{hash}", reason="it is down"),
    "deployments:book": act("release", hash="{hash}", when="free", confirmation="{environment}"),
    "deployments:booking-cancel": act("release"),
    "deployments:by-hand": SEE,
    "deployments:by-hand-ports": SEE,
    "deployments:by-hand-note": act("note", what="a service was restarted", why="it hung"),
    "deployments:logs": SEE,
    "deployments:rundeck": SEE,
    "deployments:rundeck-job": SEE,
    "deployments:rundeck-run": act("rundeck"),
    "deployments:evidence": SEE,
    "deployments:pack": SEE,
    "deployments:bundle": see("operation"),
    "deployments:rest-script": SEE,
    "deployments:plan-script": SEE,
    "access:vpn": SEE,
    "access:vpn-user": SEE,
    "access:vpn-create": act("vpn", anywhere=True),
    "access:vpn-claim": act("vpn", anywhere=True),
    "access:vpn-revoke-unknown": act("vpn", anywhere=True),
    "access:vpn-reapply": act("vpn", anywhere=True),
    "access:vpn-crl": act("vpn", anywhere=True),
    "access:vpn-download": act("vpn", anywhere=True),
    "access:vpn-link": act("vpn", anywhere=True),
    "access:vpn-change": act("vpn", anywhere=True),
    "access:vpn-get": OPEN,  # whoever has the one-time link; it is the key
    "access:allow-list": SEE,
    "access:allow": act("allow", anywhere=True),
    "access:allow-myself": act("allow-own", anywhere=True),
    "access:allow-close": act("allow-own", anywhere=True),
    "access:allow-agree": act("allow", anywhere=True),
    "access:exposure": SEE,
    "access:ftp": SEE,
    "access:ftp-rotate": act("ftp-password"),
    "access:ftp-show": act("ftp-password"),
    "alarms:list": SEE,
    "alarms:detail": SEE,
    "alarms:plan": SEE,
    "alarms:start": act("release"),
    "alarms:sns": OPEN,  # the message's own signature says who sent it
    "alarms:mute": act("mute", anywhere=True),
    "alarms:unmute": act("mute", anywhere=True),
    "alarms:subscribe": act("alarm", anywhere=True),
    "alarms:apply": act("alarm", anywhere=True),
    "alarms:acknowledge": act("acknowledge", anywhere=True),
    "runs:list": SEE,
    "runs:detail": SEE,
    "runs:live": SEE,
    "runs:log": SEE,
    "runs:download": SEE,
    "runs:cancel": act("abort", strength="abort"),
    "runs:release-lock": act("settle"),
    "runs:look": see("settle"),
    "runs:check-now": act("settle"),
    "runs:resume": act("settle"),
    "runs:give-up": act("settle"),
    "runs:by-hand": act("settle"),
    "people:welcome": OPEN,  # the link is the proof
    "people:account": SIGNED_IN,
    "people:account-end-sessions": SIGNED_IN,
    "people:account-token": act("token", anywhere=True, name="x", days="1", scope="read"),
    "people:account-revoke-token": SIGNED_IN,
    "people:list": SEE,
    "people:let-in": act("people", anywhere=True, name="x", role="viewer"),
    "people:person": SEE,
    "people:role": act("people", anywhere=True, role="viewer"),
    "people:active": act("people", anywhere=True, active="no"),
    "people:remove-second-factors": act("people", anywhere=True),
    "people:link": act("people", anywhere=True),
    "people:end-sessions": act("people", anywhere=True),
    "people:revoke-token": act("people", anywhere=True),
    "people:audit": SEE,
    "people:audit-export": see("audit-export"),
    "monitoring:production": SEE,
    "monitoring:dashboard": SEE,
    "monitoring:figures": SEE,
    "monitoring:happened": SEE,
    "monitoring:table": SEE,
    "monitoring:export": SEE,
    "monitoring:health": SEE,
    "monitoring:deadlines": SEE,
    "notifications:settings": SEE,
    "notifications:add": act("view", anywhere=True),  # one's own
    "notifications:change": act("view", anywhere=True),  # one's own
    "metrics": OPEN,  # counts and ages of the console itself
    # allauth's, by the names that it knows them by
    "account_login": OPEN,
    "account_logout": SIGNED_IN,
    "account_inactive": OPEN,
    "account_reauthenticate": SIGNED_IN,
    "account_change_password": SIGNED_IN,
    "mfa_index": SIGNED_IN,
    "mfa_authenticate": OPEN,  # between the password and the session
    "mfa_login_webauthn": OPEN,  # the passkey is the proof
    "mfa_reauthenticate": SIGNED_IN,
    "mfa_activate_totp": SIGNED_IN,
    "mfa_deactivate_totp": SIGNED_IN,
    "mfa_view_recovery_codes": SIGNED_IN,
    "mfa_generate_recovery_codes": SIGNED_IN,
    "mfa_download_recovery_codes": SIGNED_IN,
    "mfa_list_webauthn": SIGNED_IN,
    "mfa_add_webauthn": SIGNED_IN,
    "mfa_reauthenticate_webauthn": SIGNED_IN,
    "mfa_remove_webauthn": SIGNED_IN,
    "mfa_edit_webauthn": SIGNED_IN,
    "socialaccount_login_cancelled": OPEN,
    "socialaccount_login_error": OPEN,
    "socialaccount_signup": OPEN,
    "openid_connect_login": OPEN,
    "openid_connect_callback": OPEN,  # the provider's signature is the proof
}

API: dict[str, Decided] = {
    "GET /services": SEE,
    "GET /services/{key}": SEE,
    "GET /hosts": SEE,
    "GET /hosts/{host}": SEE,
    "GET /resources": SEE,
    "GET /claims": SEE,
    "GET /claims/{int:claim}": SEE,
    "POST /plans": act("plan", service="magento", environment="{environment}"),
    "POST /operations": act("operation", service="magento", environment="{environment}", operation="flush-caches"),
    "GET /plans/{plan_id}": SEE,
    "POST /plans/{plan_id}/approvals": act("approve", hash="{hash}"),
    "POST /plans/{plan_id}/bookings": act("release", hash="{hash}"),
    "GET /bookings": SEE,
    "DELETE /bookings/{booking_id}": act("release"),
    "GET /vpn-users": SEE,
    "POST /vpn-users": act("vpn", anywhere=True, name="jane.doe", person="Jane", reason="shift", expires="2027-01-01T00:00:00Z"),
    "GET /vpn-users/{name}": SEE,
    "POST /vpn-users/{name}/revoke": act("vpn", anywhere=True, reason="left"),
    "GET /allowed-addresses": SEE,
    "POST /allowed-addresses": act(
        "allow", anywhere=True, cidr="203.0.113.9", services=["rdp"], owner="x", reason="y", until="2027-01-01T00:00:00Z"
    ),
    "POST /allowed-addresses/{int:entry}/close": act("allow-own", anywhere=True, reason="done"),
    "GET /releases": SEE,
    "GET /alarms": SEE,
    "GET /alarms/{name}/transitions": SEE,
    "GET /runs": SEE,
    "POST /runs": act("release", plan="{plan}", hash="{hash}"),
    "GET /runs/{int:number}": SEE,
    "GET /runs/{int:number}/log": SEE,
    "POST /runs/{int:number}/cancel": act("abort", strength="abort"),
    "POST /runs/{int:number}/adopt": act("settle"),
    "POST /runs/{int:number}/resume": act("settle"),
    "POST /runs/{int:number}/give-up": act("settle", reason="seen"),
    "POST /runs/{int:number}/release-lock": act("settle", reason="seen"),
    "POST /runs/{int:number}/steps/{int:position}/by-hand": act("settle", evidence="seen"),
    "GET /drain": SEE,
    "POST /drain": act("drain", anywhere=True, reason="a new machine"),
    "DELETE /drain": act("drain", anywhere=True),
    "POST /claims/{int:claim}/statements": act("claims", anywhere=True, what="accept", text="as it is"),
    "POST /plans/{plan_id}/break-glass": act("break-glass", hash="{hash}", reason="it is down"),
    "POST /vpn-users/{name}/{deed}": act("vpn", anywhere=True, reason="leave"),
    "POST /allowed-addresses/myself": act("allow-own", anywhere=True, address="203.0.113.9", services=["rdp"]),
    "POST /allowed-addresses/{int:entry}/agree": act("allow", anywhere=True),
    "POST /alarms/{name}/acknowledgement": act("acknowledge", anywhere=True, note="seen"),
    "POST /alarms/{name}/plans": act("alarm", anywhere=True),
    "POST /mutes": act("mute", anywhere=True, alarms=["x"], minutes=5, why="test"),
    "POST /mutes/{rule}/end": act("mute", anywhere=True),
    "POST /operators/{int:person}/links": act("people", anywhere=True),
    "DELETE /operators/{int:person}/second-factors": act("people", anywhere=True),
    "DELETE /operators/{int:person}/sessions": act("people", anywhere=True),
    "GET /operators/{int:person}/tokens": SEE,
    "DELETE /operators/{int:person}/tokens/{int:token}": act("people", anywhere=True),
    "GET /operators": SEE,
    "GET /operators/{int:person}": SEE,
    "POST /operators": act("people", anywhere=True, name="x", role="viewer"),
    "POST /operators/{int:person}": act("people", anywhere=True, role="viewer"),
    "POST /services/{service}/{environment}/reopening": act("operation"),
    "POST /services/{service}/{environment}/following": act("adopted", beanstalk="client-magento-prod"),
    "POST /by-hand/{thing}/notes": act("note", what="a service was restarted", why="it hung"),
    "POST /rundeck-jobs/{job}/runs": act("rundeck", within="pre-production"),
    "POST /vpn-users/{name}/claim": act("vpn", anywhere=True, person="Jane", reason="shift", expires="2027-01-01T00:00:00Z"),
    "POST /vpn-users/{name}/revoke-unknown": act("vpn", anywhere=True, reason="left"),
    "POST /vpn/reapply": act("vpn", anywhere=True),
    "POST /vpn/crl": act("vpn", anywhere=True),
    "POST /alarm-subscriptions": act("alarm", anywhere=True, topic="x"),
    "POST /resource-operations": act(
        "estate",
        within="production",
        kind="database",
        resource="client-magento-prod",
        operation="snapshot",
        confirmation="client-magento-prod",
    ),
    "GET /tokens": SEE,
    "POST /tokens": act("token", anywhere=True, name="x", days=1),
    "DELETE /tokens/{int:token}": act("token", anywhere=True),
    "GET /audit": SEE,
    "GET /dashboards": SEE,
    "GET /dashboards/{name}": SEE,
    "GET /dashboards/{name}/figures": SEE,
    "GET /deadlines": SEE,
}

CONSUMERS: dict[str, Decided] = {
    "ws/runs/<int:number>/": SEE,
    "ws/now/": SEE,
    "ws/tail/": SEE,
}

# What stands in an address; where a name means something else on one page, with the page's name before it.
# `{run}`, `{plan}` and `{environment}` are those of the environment that is tried.
OBJECTS: dict[str, str] = {
    "number": "{run}",
    "pk": "{plan}",
    "plan_id": "{plan}",
    "service": "magento",
    "environment": "{environment}",
    "booking": "{booking}",
    "thing": "windows",
    "instance": "i-012e92fb498ad40d7",
    "id": "6f0c5a1e-4d7b-4b83-9b51-1d2f7c9e8a01",
    "booking_id": "{booking}",
    "position": "1",
    "claim": "137",
    "what": "accept",
    "kind": "database",
    "resource": "client-magento-prod",
    "key": "flush-caches",
    "name": "jane-doe",
    "secret": "x" * 43,
    "deed": "suspend",
    "rule": "a-rule",
    "entry": "1",
    "rotation": "1",
    "host": "i-012e92fb498ad40d7",
    "notifications:change:number": "1",
    "notifications:change:what": "pause",
    "person": "{person}",
    "job": "6f0c5a1e-4d7b-4b83-9b51-1d2f7c9e8a01",
    "widget": "1",
    "token": "1",
    "uidb64": "MQ",
    "form": "csv",
    "provider_id": "sso",
    "mfa_remove_webauthn:pk": "1",
    "mfa_edit_webauthn:pk": "1",
    "people:welcome:token": "abc-def",
}
