"""Looks at the repositories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.sources import heads
from estate.definition import Repository
from runs.effects import Context, Done, Failed, Finding
from runs.plan import Act


class Heads:
    """The branch's head must be the plan's commit. Params: url, branch, commit."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        context.out("console").line("$ " + " ".join(act.argv))
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        branch, wanted = act.params["branch"], act.params["commit"]
        head = heads(Repository(act.key.replace(":", "-"), act.params["url"]), branch)[branch]
        context.out("console").line(f"{head}\trefs/heads/{branch}")
        if head == wanted:
            return Done(f"{branch} is at {wanted[:7]}", {"head": head})
        return Failed(
            f"{branch} has moved to {head[:7]}, the plan has {wanted[:7]}. Make a new plan; nothing has been changed.", {"head": head}
        )

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"
