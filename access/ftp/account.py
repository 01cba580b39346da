"""What is done and looked at about the FTP account. The password is made on its host, shown once from there, and never kept here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from access import place, programs
from access.models import FtpRotation, Seen
from access.programs import Sections, ask
from access.starting import begin
from estate.models import Host
from estate.validators import reason_given
from estate.ways_in import FtpAccount
from people import audit
from people.models import Operator
from people.permissions import require
from remote.errors import NotFound, RemoteError
from remote.ssh.runner import State
from runs.actions import Refusal
from runs.doors import runner
from runs.effects import Context, Done, Failed, Finding
from runs.host_commands import Detached
from runs.models import Run
from runs.plan import Act, Plan, Step

KIND, NAME, EVERY = "ftp-password", "ftp", 60.0
OLD = timedelta(days=365)
_SECONDS = 8


class Gone(Refusal):
    """It was shown. The text says when and to whom."""


@dataclass(frozen=True, slots=True)
class Check:
    title: str
    light: str
    said: str


def watch() -> None:
    """For the scheduler."""
    Seen.objects.get_or_create(name=NAME)
    Seen.objects.filter(name=NAME).update(tried=timezone.now())
    try:
        account = place.ftp()
        host = host_of(account)
        found = ask("ftp", str(host.private_ip), "report", account.user, account.group)
    except place.NotConfigured:
        return
    except RemoteError as error:
        Seen.objects.filter(name=NAME).update(error=error.told)
        return
    facts = {**read(found), "host": host.name, "ip": str(host.private_ip)}
    Seen.objects.filter(name=NAME).update(answered=timezone.now(), error="", facts=facts)


def read(found: Sections) -> dict[str, Any]:
    passwd, group, days = found.word("passwd").split(":"), found.word("group").split(":"), found.word("changed")
    config = dict(line.partition("=")[::2] for line in found.lines("config"))
    return {
        "account": passwd[0],
        "home": passwd[5] if len(passwd) > 6 else "",
        "shell": passwd[6] if len(passwd) > 6 else "",
        "in_group": len(passwd) > 6 and len(group) > 2 and passwd[3] == group[2],
        "changed": (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(days))).isoformat() if days.isdecimal() else None,
        "service": found.word("service"),
        "other_mode": found.word("directory"),
        "passive": f"{config.get('pasv_min_port', '?')}-{config.get('pasv_max_port', '?')}",
    }


def checks(account: FtpAccount, facts: Mapping[str, Any], at: datetime) -> Iterator[Check]:
    if not facts:
        return
    there = facts["account"] == account.user
    yield Check(
        "Account", "ok" if there else "bad", f"{account.user}, home {facts['home']}, shell {facts['shell']}" if there else "is not there"
    )
    group = f"{account.user} is in the web user's group {account.group}"
    yield Check("Group", "ok" if facts["in_group"] else "bad", group if facts["in_group"] else f"{account.user} is not in {account.group}")
    odd = facts["other_mode"]
    said = f"{odd} has not mode 775: ftp or the web server cannot write there" if odd else "every directory has mode 775"
    yield Check("Web root", "bad" if odd else "ok", said)
    yield Check("vsftpd", "ok" if facts["service"] == "running" else "bad", f"{facts['service']}, passive ports {facts['passive']}")
    changed = datetime.fromisoformat(facts["changed"]) if facts["changed"] else None
    if changed is None:
        yield Check("Password", "unknown", "its age is not known: it was set by the deployment")
    else:
        said = f"{(at - changed).days} d old, since {changed:%d %b %Y}; FTP carries it in clear text"
        yield Check("Password", "warn" if at - changed > OLD else "ok", said)


def rotate(*, reason: str, by: Operator) -> Run:
    """Raises Forbidden, ValidationError, LockHeld, RemoteError."""
    account = place.ftp()
    require(by, KIND, account.environment)
    reason = reason_given(reason)
    host = host_of(account)
    with transaction.atomic():
        key = uuid.uuid4().hex
        run = begin(_plan(account, host, key), reason=reason, idempotency_key=key, by=by)
        FtpRotation.objects.create(run=run, key=key, asked_by=by)
    audit.record("ftp.rotate", by=by, target=account.user, why=reason, run=run.number)
    return run


def show(rotation: FtpRotation, *, by: Operator) -> str:
    """The password, once. Raises Forbidden, Gone, RemoteError."""
    account = place.ftp()
    require(by, KIND, account.environment)
    if rotation.run.state != Run.State.SUCCEEDED:
        raise Gone(f"Run {rotation.run_id} is {rotation.run.state}: there is nothing to show.")
    if FtpRotation.objects.filter(pk=rotation.pk, shown=None).update(shown=timezone.now(), shown_to=by.username) != 1:
        rotation.refresh_from_db()
        said = f"It was shown {rotation.shown:%d %b %H:%M} UTC to {rotation.shown_to}. Rotate it again for a new one."
        audit.record("ftp.show", by=by, target=account.user, why=said, result="refused")
        raise Gone(said)
    try:
        found = b"".join(runner().read(str(host_of(account).private_ip), programs.argv("ftp", "show", rotation.key), seconds=_SECONDS))
    except RemoteError:
        FtpRotation.objects.filter(pk=rotation.pk).update(shown=None, shown_to="")
        raise
    audit.record("ftp.show", by=by, target=account.user)
    return found.decode("ascii", "replace").strip()


class Rotate(Detached):
    """Params: ip, user, group, key. Done when the new password waits on the host, and the account's is of today."""

    def judge(self, act: Act, context: Context, state: State) -> Finding:
        return self.accept(act, context) if state.kind in ("finished", "lost") else super().judge(act, context, state)

    def accept(self, act: Act, context: Context) -> Finding:
        found = ask("ftp", act.params["ip"], "report", act.params["user"], act.params["group"])
        waiting = found.text("waiting").split() + found.word("waiting").split()
        changed = found.word("changed")
        fresh = changed.isdecimal() and int(changed) >= int(found.word("now")) // 86_400 - 1
        if fresh and {act.params["key"], f"{act.params['key']}.shown"} & set(waiting):
            return Done(f"{act.target}: {act.params['user']} has a new password, which waits there to be shown once")
        return Failed(f"{act.target}: {act.params['user']} has no new password. What the host said is in the log.")


def _plan(account: FtpAccount, host: Host, key: str) -> Plan:
    params = {"ip": str(host.private_ip), "user": account.user, "group": account.group, "key": key}
    act = Act("ftp.rotate", "rotate", host.name, programs.argv("ftp", "rotate", account.user, key), f"passwd {account.user}", params)
    note = "Made on the host; it is in no argument and no log. Whoever has the old one is out from then on."
    step = Step("rotate", f"Give {account.user} a new password", (act,), note, host.name, 3)
    title = f"Rotate the password of {account.user}"
    return Plan(KIND, title, account.service, account.environment, account.lock_group, (step,), {"user": account.user})


def host_of(account: FtpAccount) -> Host:
    found = (
        Host.objects.filter(service=account.service, environment=account.environment, gone=None, state="running").order_by("name").first()
    )
    if found is None:
        raise NotFound(f"No running host of {account.service} in {account.environment} is known yet", "Wait until Beanstalk has answered.")
    return found
