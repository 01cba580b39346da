"""The bundle, its place in S3 and its name at Beanstalk."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from deployments.bundle import Bundle
from deployments.shipments import bundle_file, bundle_of
from estate.reading import current
from remote.aws import beanstalk, storage
from remote.errors import AlreadyExists
from runs.effects import Context, Done, Failed, Finding, NotDone
from runs.plan import Act


class BuildBundle:
    """Builds again from the pinned commits, wherever this worker runs; the bytes must be those that the plan showed."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        built = _build(act)
        context.out("console").line(f"{built.files} files, {built.size} bytes, sha256 {built.sha256}")
        return {"sha256": built.sha256, "bytes": built.size, "files": built.files}

    def probe(self, act: Act, context: Context) -> Finding:
        built = context.answer.get("sha256")
        if not built or not bundle_file(act.params["sha256"]).exists():
            return NotDone("not built on this machine")
        if built != act.params["sha256"]:
            return Failed(f"The bundle has sha256 {built[:12]}, the plan showed {act.params['sha256'][:12]}. Make a new plan.")
        return Done("the bytes are those of the plan", {"sha256": built})

    def cancel(self, act: Act, context: Context) -> str:
        return "the bundle stays on the console's disk"


class PutObject:
    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        path = bundle_file(act.params["sha256"])
        if not path.exists():  # the step before ran on another machine
            _build(act)
        put = storage.put(act.params["bucket"], act.params["key"], path, act.params["sha256"])
        context.out("AWS").line(f"s3://{put.bucket}/{put.key}: {put.size} bytes")
        return {"bytes": put.size}

    def probe(self, act: Act, context: Context) -> Finding:
        found = storage.head(act.params["bucket"], act.params["key"])
        if found is None:
            return NotDone("not in the bucket")
        if found.sha256 != act.params["sha256"]:
            return NotDone("another object is there: it is replaced by the same key's right bytes")
        return Done("in the bucket, with the plan's sha256", {"bytes": found.size})

    def cancel(self, act: Act, context: Context) -> str:
        return "the object stays in the bucket; it harms nothing"


class CreateVersion:
    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        wanted = act.params
        said = f"Ops Console, run {context.run}"
        with suppress(AlreadyExists):  # the probe says whether it is ours
            beanstalk.create_version(wanted["application"], wanted["label"], wanted["bucket"], wanted["key"], said)
        context.out("AWS").line(f"application version {wanted['label']}")
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        wanted = act.params
        found = beanstalk.version(wanted["application"], wanted["label"])
        if found is None:
            return NotDone("no such version")
        if (found.bucket, found.key) != (wanted["bucket"], wanted["key"]):
            other = f"s3://{found.bucket}/{found.key}"
            return Failed(f"Beanstalk has {found.label} already, of another bundle ({other}). Make a new plan: it takes a new number.")
        return Done(f"{wanted['label']} is registered", {"status": found.status})

    def cancel(self, act: Act, context: Context) -> str:
        return "the version stays registered; it harms nothing"


def _build(act: Act) -> Bundle:
    target = current().target(act.params["service"], act.params["environment"])
    branch = act.params["configuration_branch"]
    return bundle_of(target, act.params["magento_commit"], act.params["configuration_commit"], configuration_branch=branch)
