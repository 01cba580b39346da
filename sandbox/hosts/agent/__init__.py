"""Beanstalk's agent on a host, played: it unpacks a bundle, runs its container commands, flips it into place, and writes its log meanwhile.

`deploy` blocks for as long as the simulated deployment takes. What Beanstalk does around it (draining, registering, events) is
`sandbox.aws`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from zipfile import BadZipFile

from sandbox.hosts.agent import amazon_linux_1, amazon_linux_2
from sandbox.hosts.agent.deployment import CommandFailed, Deployment, TimedOut
from sandbox.hosts.extensions import BadExtension
from sandbox.world import Host, World

__all__ = ["Outcome", "deploy", "tail"]

_TRUNCATED = 400  # characters of output that Beanstalk puts into its event


@dataclass(frozen=True, slots=True)
class Outcome:
    """`output` is what the failing command printed, whole; `failed_command` its name in `failed_file`, or the hook's path."""

    returncode: int
    output: str = ""
    failed_command: str = ""
    failed_file: str = ""
    timed_out: bool = False

    @property
    def message(self) -> str:
        """As Beanstalk's event has it after "Return code: N Output: " on Amazon Linux 1."""
        if not self.failed_command:
            return ""
        text = self.output.strip()
        shown = f"(TRUNCATED)...{text[-_TRUNCATED:]}" if len(text) > _TRUNCATED else text
        what = (
            f"container_command {self.failed_command} in .ebextensions/{self.failed_file}"
            if self.failed_file
            else f"Hook {self.failed_command}"
        )
        return f"{shown} \n{what} failed. For more detail, check /var/log/eb-activity.log using console or EB CLI."


def deploy(world: World, host: Host, bundle: bytes, *, label: str, deployment_id: int, leader: bool) -> Outcome:
    """A failed deployment leaves the host as it was at the failing command: half-new, the old release still in place."""
    deployment = Deployment(world, host, bundle, label, deployment_id, leader)
    platform = amazon_linux_1 if host.platform == "al1" else amazon_linux_2
    try:
        platform.play(deployment)
    except CommandFailed as failure:
        return Outcome(failure.returncode, failure.output, failure.name, failure.file)
    except TimedOut as late:
        return Outcome(-1, "", late.name, timed_out=True)
    except (BadExtension, BadZipFile) as error:
        return Outcome(1, str(error), "prebuild_0_client_magento")
    return Outcome(0)


def tail(world: World, host: Host, lines: int = 100) -> str:
    """What `request-environment-info` answers for a host: the end of each of its logs, with Beanstalk's headings."""
    rule = "-" * 37
    parts = []
    for log in sorted((host.root / "var/log").glob("*.log")):
        last = log.read_text(errors="replace").splitlines()[-lines:]
        parts.append("\n".join([rule, f"/var/log/{log.name}", rule, *last, ""]))
    return "\n\n".join(parts)
