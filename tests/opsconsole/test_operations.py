"""What docs/operations.md, the units, the proxy and docker-compose.yml say, held against the code and one another."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from configparser import ConfigParser
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from faults import suite
from opsconsole.health import INSIDE
from tests.opsconsole.test_readme import table

ROOT = Path(settings.BASE_DIR)
OPERATIONS = (ROOT / "docs/operations.md").read_text()
UNITS = sorted((ROOT / "docs/systemd").glob("*.service"))
GRAMMAR = {
    "build", "command", "depends_on", "deploy", "env_file", "environment", "healthcheck", "image", "network_mode", "networks",
    "ports", "profiles", "restart", "stop_grace_period", "volumes",
}  # fmt: skip


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def unit(path: Path) -> dict[str, str]:
    parsed = ConfigParser(interpolation=None, strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(path.read_text())
    return dict(parsed["Service"])


def test_the_file_is_one_that_compose_takes() -> None:
    found = compose()
    services, volumes = found["services"], found["volumes"]
    assert {key for key in found if not key.startswith("x-")} == {"services", "volumes", "networks"}
    for name, service in services.items():
        assert set(service) <= GRAMMAR, name
        assert "image" in service, name
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in volumes or source.startswith((".", "$")), f"{name}: {volume}"
    for variable in re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()):
        assert variable in {*table(), "POSTGRES_PASSWORD", "VALKEY_PASSWORD", "SSH_FOLDER", "PORT", "AWS_DEFAULT_REGION"}, variable


def test_what_env_says_counts_but_for_what_is_said_not_to() -> None:
    """`environment` is above `env_file`: what it does not take from there is what it is."""
    services = compose()["services"]
    pairs = [pair for service in ("web", "worker", "scheduler", "broker") for pair in services[service]["environment"].items()]
    set_here = {name for name, _ in pairs} - {name for name, value in pairs if str(value).startswith(f"${{{name}:-")}
    [said] = re.findall(r"([^.]*) do not count there", OPERATIONS)
    assert set(re.findall(r"`(\w+)`", said)) == set_here
    assert services["worker"]["environment"]["DATABASE_POOL"] == 0, "a pool does not survive a fork"
    assert all(services[name]["env_file"] == [{"path": ".env", "required": False}] for name in ("web", "worker", "scheduler", "broker"))


def test_people_come_through_the_proxy_alone_and_it_alone_is_believed() -> None:
    found = compose()
    services = found["services"]
    assert services["proxy"]["ports"] == ["80:80", "443:443"]
    assert all(port.startswith("127.0.0.1:") for name, service in services.items() if name != "proxy" for port in service.get("ports", ()))
    address = services["proxy"]["networks"]["default"]["ipv4_address"]
    assert ip_address(address) in ip_network(found["networks"]["default"]["ipam"]["config"][0]["subnet"])
    assert services["web"]["environment"]["TRUSTED_PROXY"] == f"${{TRUSTED_PROXY:-{address}}}"
    mounted = services["proxy"]["volumes"][0].partition(":")[0]
    proxy = (ROOT / mounted).read_text()
    assert "{$SITE_URL} {" in proxy
    [inside] = re.findall(r"^\t@inside path (.+)\n\trespond @inside 404$", proxy, re.MULTILINE)
    assert set(inside.split()) == INSIDE
    assert proxy.count("{") == proxy.count("}")


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.\d+-slim-\w+$", lines, re.MULTILINE)
    assert "--require-hashes -r requirements.run.lock" in lines
    assert lines.index("USER console") < lines.index("\nCMD ")
    assert "HEALTHCHECK" in lines
    services = compose()["services"]
    assert services["web"]["healthcheck"] == {"disable": False}
    assert all(services[name]["healthcheck"] == {"disable": True} for name in ("worker", "scheduler", "broker", "migrate"))
    assert services["demo"]["profiles"] == ["sandbox"]


def test_what_production_installs_is_what_was_tested_and_no_more() -> None:
    """`requirements.run.lock` is a part of `requirements.lock`: the same versions and the same hashes."""
    all_of_it, installed = (pinned(ROOT / f"requirements{which}.lock") for which in ("", ".run"))
    assert {name: all_of_it.get(name) for name in installed} == installed
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {name: set(map(plain, said)) for name, said in {"run": project["dependencies"], **project["optional-dependencies"]}.items()}
    assert wanted["run"] | wanted["sandbox"] <= set(installed)
    assert {"pytest", "playwright", "mypy", "awscli"} <= wanted["dev"] - set(installed)


def pinned(path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "==" in line:
            found[name := plain(line)] = [line.split()[0]]  # without the machines that do not need it
        elif "--hash=" in line:
            found[name].append(line.strip(" \\"))
    return {name: tuple(said) for name, said in found.items()}


def plain(requirement: str) -> str:
    return re.split(r"[\[=<> ]", requirement)[0]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_what_the_container_starts(path: Path) -> None:
    service = unit(path)
    name = re.sub(r"^ops-console-|@$", "", path.stem)
    words = shlex.split(service["ExecStart"])
    if name == "web":
        assert words[0].endswith("/uvicorn")
        assert words[1] == "opsconsole.asgi:application"
        assert words[words.index("--host") + 1] == "127.0.0.1"
        assert "--forwarded-allow-ips" in words
        assert "--no-access-log" in words, "the path of a one-time link is a secret"
        assert service["Environment"] == "DATABASE_POOL=10"
        assert compose()["services"]["web"]["environment"]["DATABASE_POOL"] == "${DATABASE_POOL:-10}"
    else:
        inside = compose()["services"][name]["command"]
        assert [Path(words[0]).name, *words[1:3]] == inside[:3]
        assert "DATABASE_POOL" not in service.get("Environment", ""), "a pool does not survive a fork"
    assert service["User"] == "ops-console"
    assert (service["NoNewPrivileges"], service["ProtectSystem"], service["Restart"]) == ("yes", "strict", "always")
    if name in ("worker", "scheduler"):
        assert service["KillMode"] == "mixed", "the process that works on a run is asked by its parent, and not killed beside it"


def test_a_command_by_hand_has_what_the_units_have() -> None:
    script = (ROOT / "docs/snippets/manage").read_text()
    for service in map(unit, UNITS):
        assert f"\n. {service['EnvironmentFile']}\n" in script
        assert f" runuser -u {service['User']} -- " in script
        assert f"HOME={service['ReadWritePaths']}\n" in script
    assert f"--home-dir {service['ReadWritePaths']} " in OPERATIONS
    assert os.access(ROOT / "docs/snippets/manage", os.X_OK)


def test_the_units_are_those_that_are_described() -> None:
    named = {re.sub(r"@.*", "", name) for name in re.findall(r"ops-console-(?:web|scheduler|broker|worker)(?:@\d)?", OPERATIONS)}
    assert named == {path.stem.rstrip("@") for path in UNITS}


def test_the_secrets_that_are_put_beside_the_code_go_neither_into_the_image_nor_into_git() -> None:
    made = set(re.findall(r"^    (?:mkdir -m 700|cat >) (\S+) ", OPERATIONS, re.MULTILINE))
    assert made == {".env", "ssh"}
    assert made <= set((ROOT / ".dockerignore").read_text().splitlines())
    assert made <= {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.startswith("/")}


def test_commands_settings_and_promises_that_are_named_exist() -> None:
    commands = set(re.findall(r"(?:manage\.py|snippets/manage|    ops-console) ([a-z_]+)", OPERATIONS))
    assert {"operator", "token", "script", "distrust", "migrate"} <= commands
    assert commands <= set(get_commands())
    variables = set(re.findall(r"`([A-Z][A-Z_]{4,})(?:=[^`]*)?`", OPERATIONS))
    assert variables <= {*table(), "AWS_DEFAULT_REGION"}, variables - set(table())
    assert set(re.findall(r"\bP\d+\b", OPERATIONS)) <= set(suite.PROMISES)
    for link in re.findall(r"\]\(([\w./-]+)\)", OPERATIONS):
        assert (ROOT / "docs" / link).exists(), link
