"""A deployment on Amazon Linux 1 (PHP): the platform of production, in the order in which eb-activity.log tells it."""

from __future__ import annotations

import json

from sandbox.durations import DURATIONS
from sandbox.hosts import extensions
from sandbox.hosts.agent.activity_log import ActivityLog
from sandbox.hosts.agent.deployment import CommandFailed, Deployment
from sandbox.world import ACCOUNT, APPLICATION, REGION

_HOOKS = "/opt/elasticbeanstalk/hooks/appdeploy"
_NAME = APPLICATION.replace("-", "_")
_FLIPPED = """++ mv /var/app/current /var/app/current.old
++ mv /var/app/ondeck /var/app/current
++ nohup rm -rf /var/app/current.old"""


def play(deployment: Deployment) -> None:
    """Raises CommandFailed, TimedOut, BadExtension, BadZipFile."""
    log = ActivityLog(deployment.world, deployment.host, pid=10000 + 37 * deployment.deployment_id % 20000)
    try:
        with log.root(f"Application update {deployment.label}@{deployment.deployment_id}"):
            log.leaf("AddonsBefore", "ConfigCWLAgent", "10-config.sh", result="Disabled forced hourly log rotation.")
            with log.activity("AppDeployStage0") as stage:
                _stage_0(deployment, log)
                stage.text = "Application update - Command CMD-AppDeploy stage 0 completed"
            with log.activity("AppDeployStage1") as stage:
                _stage_1(deployment, log)
                stage.text = "Application version switch - Command CMD-AppDeploy stage 1 completed"
            log.leaf("AddonsAfter")
    except CommandFailed as failure:
        _command_processor(deployment, failure)
        raise


def _stage_0(deployment: Deployment, log: ActivityLog) -> None:
    key = f"resources/environments/{deployment.host.environment}/_runtime/_versions/{APPLICATION}/{deployment.label}"
    log.leaf(
        "DownloadSourceBundle",
        result=f"[{deployment.label}] Downloading from bucket 'elasticbeanstalk-{REGION}-{ACCOUNT}' with key '{key}'\n"
        f"Using manifest cache with deployment ID {deployment.deployment_id} and serial {3 * deployment.deployment_id}.",
    )
    log.leaf("EbExtensionPreBuild", "Infra-EmbeddedPreBuild")
    with log.activity("AppDeployPreHook") as hooks:
        with log.activity("01_unzip.sh") as unzip:
            deployment.unpack(f"{_HOOKS}/pre/01_unzip.sh")
            unzip.text = "\n".join(
                [
                    "++ /opt/elasticbeanstalk/bin/get-config container -k app_staging_dir",
                    "+ EB_APP_STAGING_DIR=/var/app/ondeck",
                    "+ rm -rf /var/app/ondeck",
                    "+ /usr/bin/unzip -q -o -d /var/app/ondeck /opt/elasticbeanstalk/deploy/appsource/source_bundle",
                    "+ chown -R webapp:webapp /var/app/ondeck",
                ]
            )
        log.leaf("02_setup_envvars.sh")
        log.leaf(
            "05_configure_php.sh",
            result="++ /opt/elasticbeanstalk/bin/get-config optionsettings -n aws:elasticbeanstalk:container:php:phpini",
        )
        log.leaf(
            "10_composer_install.sh",
            result="+ echo 'Found vendor directory, skipping composer install.'\nFound vendor directory, skipping composer install.",
        )
        log.leaf("12_update_permissions.sh")
        hooks.text = f"Successfully execute hooks in directory {_HOOKS}/pre."
    with log.activity("EbExtensionPostBuild", "Infra-EmbeddedPostBuild", f"postbuild_0_{_NAME}"):
        deployment.write_host_files()
        for command in deployment.commands():
            with log.activity(f"Command {command.name}") as result:
                result.text = deployment.run(command)


def _stage_1(deployment: Deployment, log: ActivityLog) -> None:
    """The hooks of the bundle stand beside Beanstalk's own 01_flip.sh and run in the order of their names."""
    scripts = {path.name: path.read_text() for path in sorted((deployment.host.root / _HOOKS.lstrip("/") / "enact").glob("*.sh"))}
    with log.activity("AppDeployEnactHook") as hooks:
        for name in sorted({*scripts, "01_flip.sh", "99_reload_app_server.sh"}):
            with log.activity(name) as hook:
                if name == "01_flip.sh":
                    deployment.flip()
                    hook.text = _FLIPPED
                elif name in scripts:
                    deployment.apply(extensions.mount_hook(name, scripts[name]))
                else:
                    deployment.world.clock.sleep(DURATIONS.flip / 2)
        hooks.text = f"Successfully execute hooks in directory {_HOOKS}/enact."
    log.leaf("AppDeployPostHook", "01_monitor_httpd_pid.sh", result="[[ -n '' ]]")


def _command_processor(deployment: Deployment, failure: CommandFailed) -> None:
    now = deployment.world.clock.now()
    text = f"(TRUNCATED)...{failure.output.strip()[-400:]}"
    answer = {
        "status": "FAILURE",
        "api_version": "1.0",
        "results": [
            {
                "status": "FAILURE",
                "msg": text,
                "returncode": failure.returncode,
                "events": [{"msg": text, "severity": "ERROR", "timestamp": int(now.timestamp())}],
            }
        ],
        "truncated": "true",
    }
    time = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    with (deployment.host.root / "var/log/eb-commandprocessor.log").open("a") as log:
        log.write(
            f"[{time}Z] ERROR [3420]  : Command CMD-AppDeploy failed!\n"
            f"[{time}Z] INFO  [3420]  : Command processor returning results: \n{json.dumps(answer)}\n"
        )
