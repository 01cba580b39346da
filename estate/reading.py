"""Reads `estate.yaml` and judges it. What is wrong is said with the file, the line, and what was expected.

The grammar is `estate/schema.json`; what a grammar cannot say (a name that must exist elsewhere in the file) is checked in `_references`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from django.conf import settings
from django.core.exceptions import ValidationError
from jsonschema import Draft202012Validator
from jsonschema import ValidationError as SchemaError

from estate import freezes, validators
from estate.definition import (
    ByHand,
    DeclaredAlarm,
    Distribution,
    Edits,
    Environment,
    Estate,
    Freeze,
    Money,
    Payout,
    Proof,
    Redirect,
    Repository,
    Rundeck,
    S3Place,
    Service,
    Shop,
    Source,
    Statics,
    Target,
    Tier,
    Workshop,
)
from estate.ways_in import ways_in

log = logging.getLogger(__name__)

_Path = tuple[str | int, ...]
_TYPES = {"object": "keys with values", "array": "a list", "string": "text", "integer": "a whole number", "boolean": "true or false"}


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    line: int
    said: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.said}"


class EstateError(Exception):
    """The file cannot be used. `problems` has one sentence for each thing that is wrong, in the order of the lines."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def load(path: Path) -> Estate:
    """Raises EstateError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EstateError([Problem(path.name, 1, f"the file cannot be read ({error}); ESTATE_FILE has to name a readable file")]) from error
    document, lines = _parse(text, path.name)
    found = [*_grammar(document)] or [*_references(document)]
    if found:
        raise EstateError(sorted((Problem(path.name, _line(lines, where), said) for where, said in found), key=lambda each: each.line))
    return _estate(document)


_known: tuple[Path, int, Estate] | None = None
_refused: tuple[Path, int] | None = None


def current() -> Estate:
    """The estate of ESTATE_FILE, read again when the file changes. A change for the worse is logged and the last good estate stays.

    Raises EstateError where there never was a good one.
    """
    global _known, _refused
    path = settings.ESTATE_FILE
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError:
        changed = 0
    if _known and _known[:2] == (path, changed):
        return _known[2]
    if _known and _refused == (path, changed):
        return _known[2]
    try:
        estate = load(path)
    except EstateError as error:
        if not _known or _known[0] != path:
            raise
        log.error("The changed estate file is not used; the last good one stays.\n%s", error)
        _refused = (path, changed)
        return _known[2]
    _known = (path, changed, estate)
    return estate


def least_role(environment: str) -> str:
    """What the file wants of whoever changes that environment; "" where it says nothing, and where there is no file that says anything."""
    try:
        found = current().environments.get(environment)
    except EstateError:
        return ""
    return found.least_role if found else ""


def environment_names() -> list[str]:
    """In the file's order; none where there is no file that says anything."""
    try:
        return list(current().environments)
    except EstateError:
        return []


def wants_observing() -> bool:
    """Whether the file says that nothing is to be changed; a file that says nothing that can be read allows nothing."""
    try:
        return current().observe
    except EstateError:
        return True


# -- YAML, with the line of everything


def _parse(text: str, file: str) -> tuple[Any, dict[_Path, int]]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise EstateError([Problem(file, line, f"this is not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise EstateError([Problem(file, 1, f"this is not YAML: {error}")]) from error
    if root is not None and _is_too_deep(root):
        raise EstateError([Problem(file, 1, "something in it holds itself, or is nested deeper than anything that is expected here")])
    lines: dict[_Path, int] = {}
    doubles: list[Problem] = []
    if root is not None:
        for where, line in _walk(root, ()):
            if where in lines:
                doubles.append(Problem(file, line, f"{_name(where[:-1])} has the key “{where[-1]}” twice (first in line {lines[where]})"))
            lines[where] = line
    if doubles:
        raise EstateError(doubles)
    return document, lines


def _is_too_deep(node: yaml.Node, depth: int = 0) -> bool:
    if depth > 12:
        return True
    inner = [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else node.value
    return not isinstance(inner, str) and any(_is_too_deep(each, depth + 1) for each in inner)


def _walk(node: yaml.Node, where: _Path) -> Iterator[tuple[_Path, int]]:
    if not where:
        yield where, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*where, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _walk(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*where, index), value.start_mark.line + 1
            yield from _walk(value, (*where, index))


def _line(lines: Mapping[_Path, int], where: _Path) -> int:
    """Of the thing itself, or of the nearest that has a line."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 1)


# -- The grammar


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads((Path(__file__).parent / "schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _grammar(document: Any) -> Iterator[tuple[_Path, str]]:
    for error in _validator().iter_errors(document):
        yield from _sentences(error)


def _sentences(error: SchemaError) -> Iterator[tuple[_Path, str]]:
    where: _Path = tuple(error.absolute_path)
    name: str = _name(where)
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    asked: Any = error.validator_value
    found: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = ", ".join(sorted(schema.get("properties", {})))
            for key in found:
                if key not in schema.get("properties", {}):
                    yield (*where, str(key)), f"{name} has an unknown key “{key}”; expected one of: {known}"
        case "required":
            missing = [key for key in asked if key not in found]
            # jsonschema reports one error for each missing key: each is said once.
            key = next((key for key in missing if error.message.startswith(repr(key))), missing[0])
            expected = schema.get("properties", {}).get(key, {}).get("description", "")
            yield where, f"{name} lacks the key “{key}”" + (f": {expected}" if expected else "")
        case "type":
            yield where, f"{name} is {_shown(error.instance)}; expected {schema.get('description') or _TYPES[str(asked)]}"
        case "enum":
            yield where, f"{name} is {_shown(error.instance)}; expected one of: {', '.join(str(each) for each in asked)}"
        case "minProperties" | "minItems":
            yield where, f"{name} is empty; expected {schema.get('description', 'at least one entry')}"
        case _:
            key = error.instance if "propertyNames" in error.absolute_schema_path else None
            there = where if key is None else (*where, str(key))
            yield there, f"{_name(there)} is {_shown(error.instance)}; expected {schema.get('description') or error.message}"


def _name(where: _Path) -> str:
    """services.magento.environments.production.tiers[0]"""
    said = ""
    for part in where:
        said += f"[{part}]" if isinstance(part, int) else f".{part}"
    return said.removeprefix(".") or "the file"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"“{str(value)[:80]}”"


# -- What a grammar cannot say


def _references(document: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    try:
        ZoneInfo(document["time_zone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield ("time_zone",), f"time_zone is “{document['time_zone']}”, which is no time zone; expected a name such as Europe/Paris"
    yield from _freezes(document)
    for key, thing in document.get("by_hand", {}).items():
        if thing["environment"] not in document["environments"]:
            known = ", ".join(document["environments"])
            at: _Path = ("by_hand", key, "environment")
            yield at, f"{_name(at)} names an unknown environment “{thing['environment']}”; expected one of: {known}"
    if (rundeck := document.get("rundeck")) and rundeck["environment"] not in document["environments"]:
        known = ", ".join(document["environments"])
        there: _Path = ("rundeck", "environment")
        yield there, f"{_name(there)} names an unknown environment “{rundeck['environment']}”; expected one of: {known}"
    yield from _access(document)
    used: dict[str, str] = {}
    for service, about in document["services"].items():
        for environment, target in about["environments"].items():
            where: _Path = ("services", service, "environments", environment)
            if environment not in document["environments"]:
                known = ", ".join(document["environments"])
                yield where, f"{_name(where)} names an unknown environment “{environment}”; expected one of: {known}"
            yield from _sources(where, target, document["repositories"])
            yield from _tiers(where, target["tiers"], used)
    yield from _alarms(document)


def _alarms(document: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    for name, alarm in document.get("alarms", {}).items():
        where: _Path = ("alarms", name)
        for index, topic in enumerate(alarm.get("tell", ())):
            if topic not in document.get("alarm_topics", {}):
                yield (*where, "tell", index), f"{_name(where)} tells “{topic}”, which is not under alarm_topics"
        service, _, environment = alarm.get("release", "").partition("/")
        if service and environment not in document["services"].get(service, {}).get("environments", {}):
            yield (*where, "release"), f"{_name(where)} names the release “{alarm['release']}”, which is not under services"
        if alarm.get("datapoints", 1) > alarm["periods"]:
            yield (*where, "datapoints"), f"{_name(where)} wants more datapoints than it looks at"


def _freezes(document: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    for index, freeze in enumerate(document.get("freezes", ())):
        for part, known in (("environments", document["environments"]), ("services", document["services"])):
            for unknown in (key for key in freeze.get(part, ()) if key not in known):
                there: _Path = ("freezes", index, part)
                yield there, f"{_name(there)} names “{unknown}”, which does not exist; expected one of: {', '.join(known)}"
        try:
            zone = ZoneInfo(freeze.get("time_zone", "UTC"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            there = ("freezes", index, "time_zone")
            yield there, f"{_name(there)} is “{freeze['time_zone']}”, which is no time zone; expected a name such as Europe/Paris"
        else:
            if wrong := freezes.complaint(Freeze(freeze["reason"], (), (), freeze["from"], freeze["until"], zone)):
                yield ("freezes", index), f"{_name(('freezes', index))}: {wrong}"


def _access(document: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    access = document.get("access", {})
    if access and access["environment"] not in document["environments"]:
        where: _Path = ("access", "environment")
        known = ", ".join(document["environments"])
        yield where, f"{_name(where)} names an unknown environment “{access['environment']}”; expected one of: {known}"
    ftp = access.get("ftp")
    if ftp and ftp["environment"] not in document["services"].get(ftp["service"], {}).get("environments", {}):
        where = ("access", "ftp")
        yield where, f"{_name(where)} names {ftp['service']} in {ftp['environment']}, which no service is released to"
    gateway = access.get("gateway", {})
    if gateway.get("owner") == "terraform" and "prefix_list" not in gateway:
        where = ("access", "gateway")
        yield (
            where,
            f"{_name(where)} lacks the key “prefix_list”: where Terraform owns the group, the console keeps the list that it refers to",
        )
    if kept := gateway.get("configuration"):
        where = ("access", "gateway", "configuration")
        if kept["repository"] not in document["repositories"]:
            known = ", ".join(document["repositories"])
            there: _Path = (*where, "repository")
            yield there, f"{_name(there)} names an unknown repository “{kept['repository']}”; expected one of: {known}"
        yield from _branches([((*where, "branch"), kept["branch"])])


def _sources(where: _Path, target: Mapping[str, Any], repositories: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    for part in ("code", "configuration"):
        if (repository := target[part]["repository"]) not in repositories:
            there = (*where, part, "repository")
            yield there, f"{_name(there)} names an unknown repository “{repository}”; expected one of: {', '.join(repositories)}"
    branches: list[tuple[_Path, str]] = [((*where, "code", "branch"), target["code"]["branch"])]
    branches += [((*where, "configuration", "branches", index), name) for index, name in enumerate(target["configuration"]["branches"])]
    yield from _branches(branches)


def _branches(named: list[tuple[_Path, str]]) -> Iterator[tuple[_Path, str]]:
    for there, branch in named:
        try:
            validators.branch_name(branch)
        except ValidationError as error:
            yield there, f"{_name(there)}: {error.message}"


def _tiers(where: _Path, tiers: list[Mapping[str, Any]], used: dict[str, str]) -> Iterator[tuple[_Path, str]]:
    keys: set[str] = set()
    for index, tier in enumerate(tiers):
        there = (*where, "tiers", index)
        if tier["key"] in keys:
            yield there, f"{_name(there)} has the key “{tier['key']}”, which another tier has already"
        if tier["beanstalk"] in used:
            yield there, f"{_name(there)} names “{tier['beanstalk']}”, which is already {used[tier['beanstalk']]}"
        keys.add(tier["key"])
        used[tier["beanstalk"]] = _name(there)


# -- Values


def _estate(document: Mapping[str, Any]) -> Estate:
    environments = {key: Environment(key, **each) for key, each in document["environments"].items()}
    repositories = {key: Repository(key, each["url"]) for key, each in document["repositories"].items()}
    services = {
        key: Service(
            key,
            each["name"],
            each.get("about", ""),
            {
                environment: _target(key, each, environments[environment], target, repositories, document)
                for environment, target in each["environments"].items()
            },
        )
        for key, each in document["services"].items()
    }
    by_hand = {key: _by_hand(key, each, environments) for key, each in document.get("by_hand", {}).items()}
    its = document.get("rundeck")
    rundeck = Rundeck(**{**its, "environment": environments[its["environment"]]}) if its else None
    urls = {key: each.url for key, each in repositories.items()}
    access = ways_in(document["access"], urls) if "access" in document else None
    alarms = {name: _alarm(name, each, document.get("alarm_topics", {})) for name, each in document.get("alarms", {}).items()}
    return Estate(
        document["name"],
        ZoneInfo(document["time_zone"]),
        document["region"],
        environments,
        repositories,
        services,
        rundeck,
        by_hand,
        access,
        alarms,
        document.get("observe", False),
    )


def _alarm(name: str, alarm: Mapping[str, Any], topics: Mapping[str, str]) -> DeclaredAlarm:
    service, _, environment = alarm.get("release", "").partition("/")
    return DeclaredAlarm(
        name=name,
        about=alarm.get("about", ""),
        namespace=alarm["namespace"],
        metric=alarm["metric"],
        statistic=alarm["statistic"],
        period=alarm["period"],
        periods=alarm["periods"],
        datapoints=alarm.get("datapoints", alarm["periods"]),
        comparison=alarm["comparison"],
        threshold=float(alarm["threshold"]),
        missing=alarm.get("missing", "missing"),
        unit=alarm.get("unit", ""),
        dimensions=alarm.get("dimensions", {}),
        topics=tuple(topics[key] for key in alarm.get("tell", ())),
        link=alarm.get("link", ""),
        service=service,
        environment=environment,
    )


def _target(
    key: str,
    service: Mapping[str, Any],
    environment: Environment,
    target: Mapping[str, Any],
    repositories: Mapping[str, Repository],
    document: Mapping[str, Any],
) -> Target:
    zone = ZoneInfo(document["time_zone"])
    code, configuration, edits = target["code"], target["configuration"], target.get("edits", {})
    return Target(
        service=key,
        service_name=service["name"],
        environment=environment,
        plan=service["plan"],
        lock_group=target["lock_group"],
        application=target["application"],
        tiers=tuple(Tier(**tier) for tier in target["tiers"]),
        code=Source(repositories[code["repository"]], (code["branch"],)),
        configuration=Source(
            repositories[configuration["repository"]], tuple(configuration["branches"]), configuration.get("directory", "")
        ),
        bundles=S3Place(target["bundles"]["bucket"], target["bundles"]["prefix"]),
        secrets=S3Place(target["secrets"]["bucket"], target["secrets"]["key"]),
        shop=Shop(**target["shop"]) if "shop" in target else None,
        statics=tuple(Statics(each["area"], each.get("theme", ""), tuple(each["languages"])) for each in target.get("statics", ())),
        shares=tuple(target.get("shares", ())),
        edits=Edits(
            dict(edits.get("user_ini", {})),
            tuple(Redirect(each["from"], each["to"], each["code"]) for each in edits.get("redirects", ())),
        ),
        address=target.get("address", ""),
        proofs=tuple(Proof(each["what"], each["at"], each.get("is", "")) for each in target.get("proofs", ())),
        money=_money(target["money"], zone) if "money" in target else None,
        approval=target.get("approval", False),
        freezes=tuple(_freezes_of(document, key, environment.key, zone)),
        cdn=tuple(Distribution(**each) for each in target.get("cdn", ())),
        build=Workshop(**target["build"]) if "build" in target else None,
        database=target.get("database", ""),
    )


def _by_hand(key: str, each: Mapping[str, Any], environments: Mapping[str, Environment]) -> ByHand:
    facts = {name: each[name] for name in ("name", "instance", "gateway", "volumes")}
    ports = tuple((port["port"], port["what"]) for port in each["ports"])
    return ByHand(key=key, about=each.get("about", ""), environment=environments[each["environment"]], ports=ports, **facts)


def _freezes_of(document: Mapping[str, Any], service: str, environment: str, zone: ZoneInfo) -> Iterator[Freeze]:
    for each in document.get("freezes", ()):
        services = tuple(each.get("services", ()))
        if environment in each["environments"] and service in (services or (service,)):
            its = ZoneInfo(each["time_zone"]) if "time_zone" in each else zone
            yield Freeze(each["reason"], tuple(each["environments"]), services, each["from"], each["until"], its)


def _money(money: Mapping[str, Any], zone: ZoneInfo) -> Money:
    payouts = tuple(Payout(time.fromisoformat(each["at"]), tuple(each.get("days", ()))) for each in money["payouts"])
    return Money(payouts, timedelta(minutes=money["before"]), timedelta(minutes=money["after"]), money["processes"], zone)
