"""What is particular about a release that is built once: asking with its code, measuring what came out, keeping what is known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments import commands
from deployments.doors import runner
from deployments.effects.hosts import LOOK_SECONDS, HostCommand
from deployments.models import Artifact
from deployments.strategies.decision import Answer, decide
from remote.aws import storage
from remote.errors import Refused
from remote.ssh.runner import State
from runs.effects import Context, Done, Failed, Finding, NotDone, Running
from runs.host_commands import key_of
from runs.models import Effect, Run
from runs.plan import Act

_TEXT = 4_000  # characters of an answer that are kept
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Ask(HostCommand):
    """A status command of Magento: whatever it answers is an answer. Params: ip; wanted, where only one answer is good enough."""

    def judge(self, act: Act, context: Context, state: State) -> Finding:
        if state.kind != "finished":
            return super().judge(act, context, state)
        raw = b"".join(runner().follow(act.params["ip"], key_of(context), offset=0, seconds=0))
        text = _ANSI.sub("", raw.decode("utf-8", "replace")).strip()[:_TEXT]
        answer = {"command": act.params["command"], "rc": state.rc, "text": text}
        first = text.splitlines()[0] if text else "nothing"
        if act.params.get("wanted") == "nothing" and decide([Answer.from_json(answer)]) != "roll":
            return Failed(f"{act.target}: {act.params['command']} says “{first}” (exit code {state.rc}). {act.params['otherwise']}", answer)
        return Done(f"{act.target}: {act.params['command']} says “{first}” (exit code {state.rc})", answer)


class Measure:
    """What came out of a build, read on the build host. Params: ip, tree, archive."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        ip, tree, archive = act.params["ip"], act.params["tree"], act.params["archive"]
        manifest = {
            "sha256": _first_word(ip, "sha256sum", archive),
            "bytes": int(_first_word(ip, "stat", "-c", "%s", archive)),
            "files": len(_asked(ip, *commands.count_files(tree).argv)),
            "static_files": len(_asked(ip, *commands.count_files(f"{tree}/pub/static").argv)),
            "composer_lock": _first_word(ip, "sha256sum", f"{tree}/{act.params['lock']}"),
            "php": _asked(ip, "php", "-v").splitlines()[0][:60],
        }
        out = context.out(act.target)
        for name, value in manifest.items():
            out.line(f"{name:>14}  {value}")
        return {"manifest": manifest}

    def probe(self, act: Act, context: Context) -> Finding:
        manifest = context.answer.get("manifest")
        if not manifest:
            return NotDone("not measured yet")
        if not manifest["static_files"]:
            return Failed("The build has no statics: look at what the two commands before said.")
        return Done(f"{manifest['files']} files, {manifest['static_files']} of them statics, sha256 {manifest['sha256'][:12]}")

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"


class Keep:
    """The artifact as the console knows it from here on. Params: those of `Artifact`. Nothing is believed: S3 is asked."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        rows = {row.act: row.answer for row in Effect.objects.filter(run=context.run).exclude(state=Effect.State.REPLACED)}
        answers = [{name: rows[key][name] for name in ("command", "rc", "text")} for key in act.params["asked"]]
        decision = decide([Answer.from_json(each) for each in answers])
        given = {"manifest": rows["measure"]["manifest"], "answers": answers, "decision": decision, "asked": timezone.now()}
        known = {name: act.params[name] for name in ("service", "environment", "source_sha256", "statics_key", "statics_version")}
        Artifact.objects.update_or_create(
            bucket=act.params["bucket"], key=act.params["key"], defaults={**known, **given, "run": Run.objects.get(number=context.run)}
        )
        return {"decision": decision}

    def probe(self, act: Act, context: Context) -> Finding:
        kept = Artifact.objects.filter(bucket=act.params["bucket"], key=act.params["key"], run=context.run).first()
        if kept is None:
            return NotDone("not kept yet")
        for key in (kept.key, kept.statics_key):
            if storage.head(kept.bucket, key) is None:
                return Failed(f"s3://{kept.bucket}/{key} is not there, although the build host has uploaded it")
        size = getattr(storage.head(kept.bucket, kept.key), "size", 0)
        if size != kept.manifest["bytes"]:
            return Failed(f"s3://{kept.bucket}/{kept.key} has {size} bytes, the build host measured {kept.manifest['bytes']}")
        return Done(f"the decision: {WORDS[kept.decision]}", {"decision": kept.decision})

    def cancel(self, act: Act, context: Context) -> str:
        return "what was built stays in the bucket; it harms nothing"


class WorkEnded:
    """Waits until no command of Magento runs on the host any more. Params: ip, pattern, seconds."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        found = runner().probe(act.params["ip"], act.argv, deadline=LOOK_SECONDS)
        if found.rc == 1:
            return Done(f"{act.target}: none of Magento's jobs runs")
        lines = found.out.decode("utf-8", "replace").strip()
        if timezone.now() - context.intent_at > timedelta(seconds=act.params["seconds"]):
            return Failed(f"{act.target}: still running after {act.params['seconds'] / 60:.0f} minutes: {lines[:300]}")
        return Running(f"{act.target}: waits for {lines[:200] or 'its jobs'}", ask_again=2)

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.target}: its jobs go on; cron stays stopped"


class Judge:
    """Was the decision right? Told by what the new code says on the back office now. Params: key, bucket, path, asked."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        rows = {row.act: row.answer for row in Effect.objects.filter(run=context.run, act__in=act.params["asked"])}
        after = decide([Answer.from_json(rows[key]) for key in act.params["asked"] if key in rows])
        kept = Artifact.objects.filter(bucket=act.params["bucket"], key=act.params["key"]).first()
        decided = kept.decision if kept else act.params["path"]
        right = after == "roll" and (decided == act.params["path"] or decided == "undecided")
        said = f"decided “{WORDS[decided]}”, released by “{WORDS[act.params['path']]}”; asked again afterwards: {WORDS[after]}"
        if kept is not None:
            kept.judged = {"right": right, "said": said, "run": context.run}
            kept.save(update_fields=["judged"])
        return {"right": right, "judged": said}

    def probe(self, act: Act, context: Context) -> Finding:
        said = context.answer.get("judged")
        return Done(str(said)) if said else NotDone("not judged yet")

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a note"


WORDS = {"roll": "no migration is needed", "window": "a migration is needed", "undecided": "no usable answer"}


def _asked(ip: str, *argv: str) -> str:
    found = runner().probe(ip, argv, deadline=LOOK_SECONDS)
    if found.rc != 0:
        said = found.err.decode("utf-8", "replace").strip()
        raise Refused(f"{ip}: {' '.join(argv)[:120]} ended with {found.rc}. {said}", "Look at the build's folder on that host.")
    return found.out.decode("utf-8", "replace")


def _first_word(ip: str, *argv: str) -> str:
    return ([*_asked(ip, *argv).split(), ""])[0]
