"""What must be true before a release may begin, each asked of the world now and shown with what was seen.

A gate that cannot be asked is `unknown` and closes the way like a bad one: nobody releases on what nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from deployments import commands, schema, standing
from deployments import money as payouts
from deployments.doors import runner
from deployments.effects.hosts import LOOK_SECONDS, in_words
from deployments.sources import heads
from deployments.steps import PlannedHost
from estate import observe
from estate.definition import Target
from estate.models import BeanstalkEnvironment, Host, Watched
from remote.aws import storage
from remote.errors import RemoteError
from remote.ssh.connections import Result
from runs.models import Run

ROOM = 2_000_000_000  # bytes: a Magento tree unpacked twice, believed
CLOCK_SKEW = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Gate:
    """`state`: ok, warn, bad or unknown. `said` is one line; `evidence` what was seen besides, line by line."""

    key: str
    title: str
    state: str
    said: str
    evidence: tuple[str, ...] = ()

    @property
    def closes(self) -> bool:
        return self.state in ("bad", "unknown")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Asked:
    """The plan's facts that the gates are about. `own_run` is the run that asks, which is of course active itself."""

    target: Target
    hosts: Sequence[PlannedHost]
    facts: Mapping[str, Any]
    own_run: int | None = None


def evaluate(asked: Asked) -> list[Gate]:
    """All gates, the slow ones side by side. At most about `LOOK_SECONDS` long."""
    quick: list[Callable[[Asked], Iterator[Gate]]] = [_lock, _beanstalk, _hosts]
    slow: list[Callable[[Asked], Iterator[Gate]]] = [_heads, _secrets, _on_hosts, money, _schema, *_more]
    _refresh(asked.target)
    with ThreadPoolExecutor(len(slow), "gates") as pool:
        answers = [pool.submit(_closing, gate, asked) for gate in slow]
        found = [gate for ask in quick for gate in ask(asked)]
        for answer in answers:
            found += answer.result()
    return found + list(_bundle(asked)) + list(_recipe(asked))


_more: list[Callable[[Asked], Iterator[Gate]]] = []


def register(gate: Callable[[Asked], Iterator[Gate]]) -> None:
    """One more that every release is asked; it says nothing where it has nothing to say."""
    if gate not in _more:
        _more.append(gate)


def registered() -> Sequence[Callable[[Asked], Iterator[Gate]]]:
    return tuple(_more)


def of_operation(asked: Asked, *, on_hosts: bool) -> list[Gate]:
    """Those that are not about a release's commits and bundle. `on_hosts`: those too for which every host is asked."""
    _refresh(asked.target)
    found = [gate for ask in (_lock, _beanstalk, _hosts) for gate in ask(asked)]
    return found + (list(_on_hosts(asked)) if on_hosts else [])


def _closing(gate: Callable[[Asked], Iterator[Gate]], asked: Asked) -> list[Gate]:
    try:
        return list(gate(asked))
    finally:
        connection.close()


def _refresh(target: Target) -> None:
    try:
        observe.refresh(target, max_age=3)
    except RemoteError:
        return  # the gates say how old the facts are


def _lock(asked: Asked) -> Iterator[Gate]:
    holder = Run.objects.filter(lock_group=asked.target.lock_group, holds_lock=True).exclude(number=asked.own_run or 0).first()
    relaunched = asked.facts.get("relaunch_of")
    if holder is None:
        yield Gate("lock", "No other run on this service", "ok", "free")
    elif holder.number == relaunched and not holder.is_active:
        yield Gate("lock", "No other run on this service", "ok", f"run {holder.number} {holder.state} and is relaunched by this plan")
    else:
        yield Gate(
            "lock",
            "No other run on this service",
            "bad",
            f"run {holder.number} ({holder.title}, {holder.state}) holds it since {holder.created:%d %b %H:%M} UTC",
        )


def _beanstalk(asked: Asked) -> Iterator[Gate]:
    rows = {row.name: row for row in BeanstalkEnvironment.objects.filter(name__in=[tier.beanstalk for tier in asked.target.tiers])}
    seen = [
        f"{tier.beanstalk}: {rows[tier.beanstalk].status}" if tier.beanstalk in rows else f"{tier.beanstalk}: never seen"
        for tier in asked.target.tiers
    ]
    busy = [row.name for row in rows.values() if row.status != "Ready"]
    title = "Beanstalk environments are Ready"
    oldest = min((row.seen for row in rows.values()), default=None)
    if len(rows) < len(asked.target.tiers) or oldest is None or _is_old(oldest):
        watched = Watched.objects.filter(name=f"environments:{asked.target.application}").first()
        yield Gate("ready", title, "unknown", f"AWS has not answered lately. {watched.error if watched else ''}".strip(), tuple(seen))
    elif busy:
        place = {"service": asked.target.service, "environment": asked.target.environment.key, "lock_group": asked.target.lock_group}
        mine = Run.objects.filter(**place, state=Run.State.RUNNING)
        ours = mine.exclude(number=asked.own_run).first() if asked.own_run else mine.first()
        who = f"run {ours.number} is at work on" if ours is not None else "someone else is deploying to"
        yield Gate("ready", title, "bad", f"{who} {', '.join(busy)}: wait until it is Ready", tuple(seen))
    else:
        yield Gate("ready", title, "ok", f"{len(rows)} of {len(rows)}", tuple(seen))


def _hosts(asked: Asked) -> Iterator[Gate]:
    hosts = list(Host.objects.filter(service=asked.target.service, environment=asked.target.environment.key, gone=None, state="running"))
    expected = sum(tier.hosts for tier in asked.target.tiers)
    planned = {host.instance_id for host in asked.hosts}
    present = {host.instance_id for host in hosts}
    if planned != present:
        replaced = ", ".join(sorted((planned | present) - (planned & present)))
        yield Gate("hosts", "The hosts are those of the plan", "bad", f"not the same any more ({replaced}): plan again")
    elif len(hosts) != expected:
        yield Gate("hosts", "The hosts are those of the plan", "warn", f"{len(hosts)} hosts, estate.yaml says {expected}")
    else:
        yield Gate("hosts", "The hosts are those of the plan", "ok", f"{len(hosts)} of {expected}")
    ill = [host for host in hosts if host.health_status not in ("Ok", "Info") or host.target_state != "healthy"]
    dark = [host.name for host in hosts if _is_old(host.seen) or host.target_seen is None or _is_old(host.target_seen)]
    seen = tuple(f"{host.name}: EB {host.health_status or 'unknown'}, TG {host.target_state or 'unknown'}" for host in hosts)
    if dark:
        yield Gate("healthy", "All hosts are healthy", "unknown", f"AWS has not said lately how {', '.join(dark)} are", seen)
    elif ill:
        names = ", ".join(host.name for host in ill)
        state = "warn" if _is_relaunch(asked) else "bad"
        yield Gate(
            "healthy",
            "All hosts are healthy",
            state,
            f"not {names}" + (": this plan redeploys them" if _is_relaunch(asked) else ": mend first, or plan a relaunch"),
            seen,
        )
    else:
        yield Gate("healthy", "All hosts are healthy", "ok", f"{len(hosts)} of {len(hosts)}, both lights", seen)
    versions = sorted({host.version for host in hosts})
    mixed = len(versions) > 1
    yield Gate("version", "All hosts have one version", "warn" if mixed else "ok", ", ".join(versions) or "unknown")


def _heads(asked: Asked) -> Iterator[Gate]:
    for key, title, source in (
        ("magento", "The code's branch has not moved", asked.target.code),
        ("configuration", "The configuration's branch has not moved", asked.target.configuration),
    ):
        facts = asked.facts[key]
        if asked.facts.get("again"):
            pinned = facts["to"][:7] or "what lies in the bundle"
            yield Gate(f"head-{key}", title, "ok", f"{pinned} is pinned by {asked.facts['release']}, wherever the branch is now")
            continue
        try:
            head = heads(source.repository, facts["branch"])[facts["branch"]]
        except RemoteError as error:
            yield Gate(f"head-{key}", title, "unknown", error.told)
            continue
        if head == facts["to"]:
            yield Gate(f"head-{key}", title, "ok", f"{facts['branch']} at {head[:7]}")
        else:
            yield Gate(
                f"head-{key}",
                title,
                "bad",
                f"{facts['branch']} is at {head[:7]} now: plan again",
                (f"plan: {facts['to']}", f"head: {head}"),
            )


def _schema(asked: Asked) -> Iterator[Gate]:
    """Of a release that is deployed again: the hosts are asked whether the database fits, for it is not taken back."""
    if asked.facts.get("again"):
        found = schema.verdict(asked.target, asked.facts["magento"]["to"], asked.facts["label"], standing.look(asked.target))
        yield Gate("schema", "The database fits the earlier code", found.state, found.said, found.evidence)


def _secrets(asked: Asked) -> Iterator[Gate]:
    """The secret configuration is looked at from outside only: that it is there, and how old it is."""
    place, title = asked.target.secrets, "The secrets file is in its bucket"
    try:
        found = storage.head(place.bucket, place.key)
    except RemoteError as error:
        yield Gate("secrets", title, "unknown", error.told)
        return
    if found is None:
        yield Gate("secrets", title, "bad", f"s3://{place.bucket}/{place.key} is not there: every host's deployment would fail")
    else:
        yield Gate("secrets", title, "ok", f"{place.key.rpartition('/')[2]}, {found.size} bytes, of {found.modified:%d %b %Y}")


def _on_hosts(asked: Asked) -> Iterator[Gate]:
    """Asked of every host at once: flag, shares, room, clock, runner. Flag and shares are Magento's."""
    flags = _ask(asked, commands.is_there(commands.MAINTENANCE_FLAG))
    yield _each(
        asked,
        "reach",
        "Every host answers over SSH",
        flags,
        lambda found: "" if found.rc in (0, 1) else f"exit code {found.rc}",
        "{n} of {n}",
    )
    if asked.target.has_maintenance:
        flag = _each(
            asked,
            "flag",
            "No maintenance flag left behind",
            flags,
            lambda found: "the flag is there" if found.rc == 0 else "",
            "{n} of {n} without",
        )
        yield _excused(flag, "left by the run that this plan relaunches; it is taken away at the end") if _is_relaunch(asked) else flag
    if wanted := set(asked.target.shares):
        title, shares = f"{len(wanted)} shares are mounted", _ask(asked, commands.mounted_shares())
        yield _each(asked, "shares", title, shares, lambda found: _not_mounted(wanted, found), "{n} of {n} hosts")
    room = _ask(asked, commands.free_room())
    yield _each(asked, "room", "Room on every disk", room, _no_room, "≥ 2 GB on {n} of {n}")
    before = timezone.now().timestamp()
    clocks = _ask(asked, commands.Command(("date", "+%s")))
    after = timezone.now().timestamp()
    yield _each(asked, "clock", "Clocks agree", clocks, lambda found: _skew(found, before, after), "within 5 s")
    runners: dict[str, Result | RemoteError] = {}
    for host in asked.hosts:
        try:
            runner().ensure(host.ip)
            runners[host.name] = Result(0, b"", b"")
        except RemoteError as error:
            runners[host.name] = error
    yield _each(asked, "runner", "The runner is on every host", runners, lambda found: "", "{n} of {n}")


def money(asked: Asked) -> Iterator[Gate]:
    """Not around a payout, and not while one runs. Nothing where no money is paid out."""
    guarded = asked.target.money
    if guarded is None:
        return
    now = timezone.now()
    shut, ahead = payouts.window_at(guarded, now), payouts.next_window(guarded, now)
    title = "No payout is near"
    if shut:
        said = f"the payout at {shut.payout:%H:%M} ({guarded.zone}): nothing is deployed from {shut.opens:%H:%M} to {shut.closes:%H:%M}"
        yield Gate("payout", title, "bad", f"{said}; plan it for after that")
    else:
        yield Gate("payout", title, "ok", f"closed from {ahead.opens:%a %H:%M} on" if ahead else "none within two days")
    running = _ask(asked, commands.processes(guarded.processes))
    yield _each(asked, "paying", f"No {guarded.processes}… process runs", running, _is_running, "none on {n} of {n}")


def _is_running(found: Result) -> str:
    if found.rc == 0:
        return f"a payout runs (process {', '.join(found.out.decode('utf-8', 'replace').split())}): wait until it has ended"
    return "" if found.rc == 1 else f"pgrep ended with exit code {found.rc}"


def _is_relaunch(asked: Asked) -> bool:
    return asked.facts.get("relaunch_of") is not None


def _excused(gate: Gate, why: str) -> Gate:
    """What a failed run left behind does not close the way to the run that mends it."""
    return replace(gate, state="warn", said=f"{gate.said} ({why})") if gate.state == "bad" else gate


def _ask(asked: Asked, command: commands.Command) -> dict[str, Result | RemoteError]:
    answers = runner().probe_many([host.ip for host in asked.hosts], command.argv, deadline=LOOK_SECONDS)
    return {host.name: answers[host.ip] for host in asked.hosts}


def _each(
    asked: Asked, key: str, title: str, answers: Mapping[str, Result | RemoteError], wrong: Callable[[Result], str], fine: str
) -> Gate:
    unknown, bad, evidence = [], [], []
    for name, found in answers.items():
        if isinstance(found, RemoteError):
            unknown.append(name)
            evidence.append(f"{name}: {in_words(found)}")
        elif complaint := wrong(found):
            bad.append(f"{name}: {complaint}")
    if bad:
        return Gate(key, title, "bad", "; ".join(bad), tuple(evidence))
    if unknown:
        return Gate(key, title, "unknown", f"cannot ask {', '.join(unknown)}", tuple(evidence))
    return Gate(key, title, "ok", fine.format(n=len(answers)))


def _not_mounted(wanted: set[str], found: Result) -> str:
    missing = wanted - set(found.out.decode("utf-8", "replace").split("\n"))
    return f"not mounted: {', '.join(sorted(missing))}" if missing else ""


def _no_room(found: Result) -> str:
    fields = found.out.decode("utf-8", "replace").strip().split("\n")[-1].split()
    if found.rc != 0 or len(fields) < 4 or not fields[3].isdigit():
        return "df gives no figure"
    free = int(fields[3]) * 1024
    return "" if free >= ROOM else f"{free / 1e9:.1f} GB free"


def _skew(found: Result, before: float, after: float) -> str:
    """The host was asked at some moment between `before` and `after`, and says whole seconds."""
    told = found.out.strip()
    if not told.isdigit():
        return "date gives no figure"
    skew = min(int(told) + 1 - before, 0.0) or max(int(told) - after, 0.0)
    return "" if abs(skew) <= CLOCK_SKEW else f"{skew:+.0f} s"


def _bundle(asked: Asked) -> Iterator[Gate]:
    evidence = asked.facts["bundle"]["evidence"]
    wrong = [entry for entry in evidence if not entry["ok"]]
    said = (
        "; ".join(f"{entry['what']}: {entry['said']}" for entry in wrong)
        or f"{len(evidence)} checks over {asked.facts['bundle']['files']} files"
    )
    seen = tuple(f"{entry['what']} {entry['said']}" for entry in evidence)
    yield Gate("bundle", "No secret and no .git in the bundle", "bad" if wrong else "ok", said, seen)
    if not asked.target.shares:
        return
    unmounts = asked.facts["bundle"].get("unmounts", "")
    title = "The shares are unmounted before the code is flipped"
    if unmounts:
        yield Gate("unmount", title, "ok", unmounts)
    else:
        yield Gate(
            "unmount", title, "bad", "no hook in the configuration unmounts them: the flip would delete what is on the shares (01_flip.sh)"
        )


def _recipe(asked: Asked) -> Iterator[Gate]:
    """Plans from before have none."""
    recipe = asked.facts.get("recipe")
    if recipe is None:
        return
    names = [each["name"] for each in recipe["commands"]]
    title = "The configuration's commands can be read"
    if recipe["wrong"]:
        yield Gate("recipe", title, "bad", "; ".join(recipe["wrong"]))
    else:
        yield Gate("recipe", title, "ok" if names else "warn", f"{len(names)} of them" if names else "there are none", tuple(names))


def _is_old(seen: datetime) -> bool:
    return timezone.now() - seen > timedelta(seconds=60)
