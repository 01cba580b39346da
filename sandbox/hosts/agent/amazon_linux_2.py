"""A deployment on Amazon Linux 2 (PHP): the platform of pre-production, in the order in which eb-engine.log tells it.

What a container command printed stands in cfn-init-cmd.log, not in eb-engine.log: the real one hides it there, too.
"""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.durations import DURATIONS
from sandbox.hosts import extensions
from sandbox.hosts.agent.deployment import CommandFailed, Deployment
from sandbox.world import APPLICATION

_NAME = APPLICATION.replace("-", "_")
_RULE = "-" * 60


def play(deployment: Deployment) -> None:
    """Raises CommandFailed, TimedOut, BadExtension, BadZipFile."""
    engine = _Engine(deployment)
    engine.info(
        "Starting...", "Starting EBPlatform-PlatformEngine", "reading event message file", "Engine received EB command cfn-hup-exec"
    )
    engine.instruction("ElectLeader")
    engine.info(f"Instance is {'' if deployment.leader else 'not '}Leader.")
    try:
        _steps(deployment, engine)
    except CommandFailed as failure:
        engine.failed(failure)
        raise
    engine.respond("SUCCESS", "Engine execution has succeeded.", 0, "Instance deployment completed successfully.", "INFO")


def _steps(deployment: Deployment, engine: _Engine) -> None:
    engine.instruction("StageApplication")
    engine.info("Recreating /var/app/staging/", "extracting /opt/elasticbeanstalk/deployment/app_source_bundle to /var/app/staging/")
    deployment.unpack("StageApplication")
    engine.instruction("PreBuildEbExtension")
    deployment.write_host_files()
    engine.instruction("RunAppDeployPreBuildHooks", "Install customer specified Composer dependencies.", "PostBuildEbExtension")
    engine.info("Starting executing the config set Infra-EmbeddedPostBuild.", "Running command /bin/sh -c /opt/aws/bin/cfn-init -s …")
    for command in deployment.commands():
        engine.container_command(command.name, command.command)
    engine.instruction("RunAppDeployPreDeployHooks")
    _hooks(deployment, engine, deployment.staging / ".platform/hooks/predeploy")
    engine.instruction("stop X-Ray", "stop proxy", "FlipApplication")
    engine.info("Removing /var/app/current/ if it exists", "Renaming /var/app/staging/ to /var/app/current/")
    deployment.flip()
    engine.instruction("start X-Ray", "start proxy with new configuration", "configureSqsd", "startSqsd", "Track pids in healthd")
    engine.instruction("RunAppDeployPostDeployHooks")
    _hooks(deployment, engine, deployment.host.app / ".platform/hooks/postdeploy")
    engine.info("Executing cleanup logic")


def _hooks(deployment: Deployment, engine: _Engine, folder: Path) -> None:
    for script in sorted(folder.glob("*.sh")):
        engine.info(
            f"Following platform hooks will be executed in order: [{script.name}]", f"Running platform hook: {deployment.shown(script)}"
        )
        deployment.apply(extensions.mount_hook(script.name, script.read_text()))
        deployment.world.clock.sleep(DURATIONS.between_batches)


class _Engine:
    """Writes eb-engine.log, and beside it what cfn-init says of container commands."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._log = deployment.host.root / "var/log"
        self._log.mkdir(parents=True, exist_ok=True)

    def info(self, *messages: str) -> None:
        for message in messages:
            self._engine("INFO", message)

    def instruction(self, *names: str) -> None:
        self.info(*(f"Executing instruction: {name}" for name in names))

    def container_command(self, name: str, command: str) -> None:
        spec = next(known for known in self._deployment.commands() if known.name == name)
        self._cfn("cfn-init-cmd.log", "INFO", "=" * 60)
        self._cfn("cfn-init-cmd.log", "INFO", f"Command {name}")
        self._cfn("cfn-init-cmd.log", "INFO", "-----------------------Command Output-----------------------")
        try:
            self._deployment.run(spec, lambda text: self._cfn("cfn-init-cmd.log", "INFO", f"\t{text.rstrip()}"))
        except CommandFailed as failure:
            self._cfn("cfn-init-cmd.log", "INFO", _RULE)
            self._cfn("cfn-init-cmd.log", "ERROR", f"Exited with error code {failure.returncode}")
            self._cfn("cfn-init.log", "ERROR", f"Command {name} ({command}) failed")
            self._cfn("cfn-init.log", "ERROR", f"Error encountered during build of postbuild_0_{_NAME}: Command {name} failed")
            raise
        self._cfn("cfn-init-cmd.log", "INFO", _RULE)
        self._cfn("cfn-init-cmd.log", "INFO", "Completed successfully.")
        self._cfn("cfn-init.log", "INFO", f"Command {name} succeeded")

    def failed(self, failure: CommandFailed) -> None:
        phase = "PostBuildEbExtension" if failure.file else failure.name
        reason = (
            "Container commands build failed. Please refer to /var/log/cfn-init.log for more details." if failure.file else failure.output
        )
        self._engine(
            "ERROR", f"An error occurred during execution of command [app-deploy] - [{phase}]. Stop running the command. Error: {reason} "
        )
        self.info("Executing cleanup logic")
        self.respond(
            "FAILURE",
            "Engine execution has encountered an error.",
            1,
            "Instance deployment failed. For details, see 'eb-engine.log'.",
            "ERROR",
        )

    def respond(self, status: str, message: str, returncode: int, event: str, severity: str) -> None:
        at = int(self._deployment.world.clock.now().timestamp())
        events = [{"msg": event, "timestamp": at, "severity": severity}]
        result = {"status": status, "msg": message, "returncode": returncode, "events": events}
        answer = json.dumps({"status": status, "api_version": "1.0", "results": [result]}, separators=(",", ":"))
        self.info(f"CommandService Response: {answer}", "Platform Engine finished execution on command: app-deploy")

    def _engine(self, level: str, message: str) -> None:
        time = self._deployment.world.clock.now().strftime("%Y/%m/%d %H:%M:%S.%f")
        self._append("eb-engine.log", f"{time} [{level}] {message}")

    def _cfn(self, name: str, level: str, message: str) -> None:
        now = self._deployment.world.clock.now()
        pid = f"P{1000 + self._deployment.deployment_id} " if name == "cfn-init-cmd.log" else ""
        for line in message.splitlines() or [""]:
            self._append(name, f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d} {pid}[{level}] {line}")

    def _append(self, name: str, line: str) -> None:
        with (self._log / name).open("a") as log:
            log.write(line + "\n")
