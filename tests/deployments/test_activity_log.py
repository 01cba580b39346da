from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments import activity_log

ROOT = "Application update r418-a91c3e7@24"
LEAF = f"{ROOT}/AppDeployStage0/EbExtensionPostBuild/Infra-EmbeddedPostBuild/postbuild_0_client_magento/Command 02_setup_upgrade"


def _line(path: str, message: str) -> str:
    return f"[2026-11-10T01:56:02.880Z] INFO  [14842] - [{path}] : {message}"


AL1 = "\n".join(
    [
        _line("Application update r417-3f80d2b@23/AppDeployStage0", "Activity failed."),
        _line(ROOT, "Starting activity..."),
        _line(f"{ROOT}/AppDeployStage0", "Starting activity..."),
        _line(LEAF, "Starting activity..."),
        _line(LEAF, "Activity execution failed, because: Schema creation/updates:"),
        "  SQLSTATE[42S22]: Column not found: 1054 Unknown column 'pickup_point'",
        "   (ElasticBeanstalk::ExternalInvocationError)",
        "caused by: Schema creation/updates: (Executor::NonZeroExitStatus)",
        _line(f"{ROOT}/AppDeployStage0/EbExtensionPostBuild", "Activity failed."),
        _line(f"{ROOT}/AppDeployStage0", "Activity failed."),
        _line(ROOT, "Completed activity. Result:"),
        "  Application update - Command CMD-AppDeploy failed",
    ]
)
AL2 = "\n".join(
    [
        "2026/01/23 19:26:57.410028 [INFO] Executing instruction: PostBuildEbExtension",
        "2026/01/23 19:26:58.410028 [ERROR] An error occurred during execution of command [app-deploy] - [PostBuildEbExtension]. "
        "Stop running the command. Error: Container commands build failed. Please refer to /var/log/cfn-init.log for more details.",
        "2026/01/23 19:26:59.410028 [INFO] Executing cleanup logic",
    ]
)


def test_the_deepest_failing_activity_of_the_last_deployment_is_found() -> None:
    found = activity_log.read(AL1, first_line=8801)
    assert found.path[0] == ROOT
    assert found.path[-1] == "Command 02_setup_upgrade"
    assert [(line.number, line.mark) for line in found.excerpt if line.mark == "hit"] == [(8805, "hit")]
    assert any(line.mark == "cause" and "SQLSTATE" in line.text for line in found.excerpt)
    assert "Unknown column 'pickup_point'" in found.output


def test_an_earlier_deployments_failure_is_not_this_ones() -> None:
    healed = AL1 + "\n" + _line("Application update r419-aaaaaaa@25", "Starting activity...")
    assert activity_log.read(healed).path == ()


def test_the_engine_log_names_its_instruction() -> None:
    found = activity_log.read(AL2)
    assert found.path == ("app-deploy", "PostBuildEbExtension")
    assert "Container commands build failed" in found.output


@given(st.text(max_size=2000))
def test_no_text_breaks_it(text: str) -> None:
    found = activity_log.read(text)
    assert all(line.number >= 1 for line in found.excerpt)
