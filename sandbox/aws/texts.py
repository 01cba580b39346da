"""What Beanstalk says, word for word: events, refusals, causes.

Lives here: wording, as pure functions. When something is said stands in `rolling` and `health`. Sources: logs of real deployments that
their owners published, AWS's developer guide, and its command line tools; a line marked "believed" is our proposal where none was found.
"""

from __future__ import annotations

from collections.abc import Sequence

# An update (application deployment, rolling).
UPDATE_STARTS = "Environment update is starting."
DEPLOYING = "Deploying new version to instance(s)."
INSTANCE_DEPLOYED = "Instance deployment completed successfully."  # Amazon Linux 2 and later only
VERSION_DEPLOYED = "New application version was deployed to running EC2 instances."
UPDATE_COMPLETED = "Environment update completed successfully."
DEPLOYMENT_FAILED = "Failed to deploy application."
INSTANCE_FAILED = "Instance deployment failed. For details, see 'eb-engine.log'."  # Amazon Linux 2 and later only
MIXED_VERSIONS = (
    "During an aborted deployment, some instances may have deployed the new application version. "
    "To ensure all instances are running the same version, re-deploy the appropriate application version."
)
AL2_OUTPUT = "Engine execution has encountered an error.."  # two dots

# An abort by a person. Believed: AWS's wording is not public.
ABORTING = "Environment update is aborting."

# Configuration, restart, log requests.
CONFIGURATION_DEPLOYED = "Successfully deployed new configuration to environment."
RESTARTING = "restartAppServer is starting."
RESTARTED = "Restarted application server on all ec2 instances."
LOGS_REQUESTED = "requestEnvironmentInfo is starting."
LOGS_PULLED = "Pulled logs for environment instances."


def joined(instance_ids: Sequence[str]) -> str:
    return ", ".join(instance_ids)


def batch_starts(number: int, instance_ids: Sequence[str]) -> str:
    return f"Batch {number}: Starting application deployment on instance(s) [{joined(instance_ids)}]."


def batch_deregisters(number: int) -> str:
    return f"Batch {number}: De-registering instance(s) from the load balancer and waiting for them to go out of service."


def batch_commands(number: int) -> str:
    return f"Batch {number}: Starting application deployment command execution."


def batch_commands_done(number: int) -> str:
    return f"Batch {number}: Completed application deployment command execution."


def commands_completed(done: int, instances: int) -> str:
    return f"Command execution completed on {done} of {instances} instances in environment."


def batch_registers(number: int) -> str:
    """The blank at the end is Beanstalk's own."""
    return f"Batch {number}: Registering instance(s) with the load balancer and waiting for them to be healthy. "


def batch_completed(number: int) -> str:
    return f"Batch {number}: Completed application deployment."


def command_failed(instance_id: str, returncode: int, output: str) -> str:
    return f"[Instance: {instance_id}] Command failed on instance. Return code: {returncode} Output: {output}"


def summary(*, successful: int, failed: int = 0, timed_out: int = 0) -> str:
    last = f"TimedOut: {timed_out}" if timed_out else f"Failed: {failed}"
    return f"Command execution completed on all instances. Summary: [Successful: {successful}, {last}]."


def unsuccessful(instance_ids: Sequence[str]) -> str:
    return f"Unsuccessful command execution on instance id(s) '{joined(instance_ids)}'. Aborting the operation."


def not_responding(instance_ids: Sequence[str]) -> str:
    return (
        "The following instances have not responded in the allowed command timeout time "
        f"(they might still finish eventually on their own): [{joined(instance_ids)}]."
    )


def not_healthy(instance_ids: Sequence[str]) -> str:
    return f"Instance id(s) '{joined(instance_ids)}' did not pass health check after command execution. Aborting the operation."


def aborted(environment: str) -> str:
    """Believed; only the words "aborted operation." are known."""
    return f"{environment} aborted operation."


def updating_configuration(environment: str) -> str:
    return f"Updating environment {environment}'s configuration settings."


def logs_tailed(instance_id: str) -> str:
    return f"[Instance: {instance_id}] Successfully finished tailing 5 log(s)"


def health_changed(before: str, after: str, causes: Sequence[str]) -> str:
    return " ".join([f"Environment health has transitioned from {before} to {after}.", *(f"{cause.rstrip('.')}." for cause in causes)])


# Causes of health.


def duration(seconds: float) -> str:
    """`13 seconds`, `3 minutes`: how Beanstalk counts."""
    number, unit = (int(seconds), "second") if seconds < 120 else (int(seconds // 60), "minute")
    return f"{number} {unit}{'' if number == 1 else 's'}"


def update_in_progress(busy: int, done: int, instances: int, seconds: float) -> str:
    of = f"{instances} instance{'' if instances == 1 else 's'}"
    on = f"{busy} instance{'' if busy == 1 else 's'}"
    return f"Application update in progress on {on}. {done} out of {of} completed (running for {duration(seconds)})."


def update_ended(ago: float, took: float) -> str:
    return f"Application update completed {duration(ago)} ago and took {duration(took)}."


def restart_ended(ago: float, took: float) -> str:
    return f"Application restart completed {duration(ago)} ago and took {duration(took)}."


def out_of(wrong: int, instances: int) -> str:
    return "on all instances" if wrong == instances else f"on {wrong} out of {instances} instances"


def command_failed_on(wrong: int, instances: int) -> str:
    return f"Command failed {out_of(wrong, instances)}."


def wrong_version_on(wrong: int, instances: int, label: str, deployment_id: int) -> str:
    return f'Incorrect application version found {out_of(wrong, instances)}. Expected version "{label}" (deployment {deployment_id}).'


def wrong_version(label: str, deployment_id: int, expected: str, expected_id: int) -> str:
    return (
        f'Incorrect application version "{label}" (deployment {deployment_id}). Expected version "{expected}" (deployment {expected_id}).'
    )


def failing_5xx(percent: float) -> str:
    return f"{percent:.1f} % of the requests are failing with HTTP 5xx."


def balancer_failing_5xx(percent: float) -> str:
    return f"{percent:.0f}% of the requests to the ELB are failing with HTTP 5xx."


def too_few_requests(per_minute: float) -> str:
    return f"Insufficient request rate ({per_minute:.1f} requests/min) to determine application health."


def balancer_unhealthy_on(wrong: int, instances: int) -> str:
    return f"ELB processes are not healthy {out_of(wrong, instances)}."


def deploying_on_instance(seconds: float) -> str:
    return f"Performing application deployment (running for {duration(seconds)})"


def deployed_on_instance(ago: float, took: float) -> str:
    return f"Application deployment completed {duration(ago)} ago and took {duration(took)}"


def failed_on_instance(at: str, returncode: int, command: str, file: str) -> str:
    what = f"container_command {command} in .ebextensions/{file}" if file else f"Hook {command}"
    return f"Application update failed at {at} with exit status {returncode} and error: {what} failed."


# Refusals.


def must_be_ready(environment: str) -> str:
    return f"Environment named {environment} is in an invalid state for this operation. Must be Ready."


def must_be_pending(environment: str) -> str:
    return f"Environment named {environment} is in an invalid state for this operation. Must be pending deployment."


def no_environment(name: str, by: str = "EnvironmentName") -> str:
    return f"No Environment found for {by} = '{name}'."


def no_version(label: str) -> str:
    return f"No Application Version named '{label}' found."


def out_of_range(namespace: str, option: str, value: str, longest: int) -> str:
    """Believed: that it is refused is known, the words are not."""
    return f"Invalid option value: '{value}' (Namespace: '{namespace}', OptionName: '{option}'): Value has to be from 0 to {longest}"


def no_application(name: str) -> str:
    return f"No Application named '{name}' found."


def no_bundle(bucket: str, key: str) -> str:
    return f"Unable to download from S3 location (Bucket: {bucket}  Key: {key}). Reason: Not Found"
