"""/var/log/eb-activity.log of Amazon Linux 1: a tree of activities, written while it happens.

`[2016-08-01T10:06:26.011Z] INFO  [14842] - [Application update app@14/AppDeployStage0] : Starting activity...`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sandbox.hosts.agent.deployment import CommandFailed
from sandbox.world import Host, World


@dataclass(slots=True)
class Result:
    """What an activity says at its end; empty: "Completed activity." alone."""

    text: str = ""


@dataclass(slots=True)
class ActivityLog:
    world: World
    host: Host
    pid: int
    path: list[str] = field(default_factory=list)

    @contextmanager
    def root(self, name: str) -> Iterator[Result]:
        """Says "Completed activity." also when it failed, as the real one does."""
        self.path = [name]
        self.say("Starting activity...")
        try:
            yield Result()
        except CommandFailed:
            self._complete("Application update - Command CMD-AppDeploy failed")
            raise
        self._complete("Application update - Command CMD-AppDeploy succeeded")

    @contextmanager
    def activity(self, *names: str) -> Iterator[Result]:
        """Nested as deep as there are names. The innermost that fails tells why, those above it only that they did."""
        if len(names) > 1:
            with self.activity(names[0]), self.activity(*names[1:]) as result:
                yield result
            return
        self.path.append(names[0])
        self.say("Starting activity...")
        result = Result()
        deepest = len(self.path)
        try:
            yield result
        except CommandFailed as failure:
            self.path = self.path[:deepest]
            self.say(_because(failure) if not failure.told else "Activity failed.")
            failure.told = True
            self.path.pop()
            raise
        self._complete(result.text)
        self.path.pop()

    def leaf(self, *names: str, result: str = "") -> None:
        with self.activity(*names) as activity:
            activity.text = result

    def say(self, message: str) -> None:
        time = self.world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        pid = f"[{self.pid}]"
        self._write(f"[{time}Z] {'INFO':<5} {pid:<7} - [{'/'.join(self.path)}] : {message}\n")

    def _complete(self, result: str) -> None:
        if not result:
            self.say("Completed activity.")
            return
        indented = "\n".join(f"  {line}" for line in result.rstrip("\n").splitlines())
        self.say(f"Completed activity. Result:\n{indented}")

    def _write(self, text: str) -> None:
        path = self.host.root / "var/log/eb-activity.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as log:
            log.write(text)


def _because(failure: CommandFailed) -> str:
    output = "\n".join(f"  {line}".rstrip() for line in failure.output.strip("\n").splitlines()).lstrip()
    return (
        f"Activity execution failed, because: {output}\n   (ElasticBeanstalk::ExternalInvocationError)\n"
        f"caused by: {output}\n (Executor::NonZeroExitStatus)\n"
    )
