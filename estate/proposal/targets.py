"""Services and where each is released to, drawn from Beanstalk's environments and from what stands around them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from estate.proposal.draft import NOWHERE, Draft, without_empty
from estate.proposal.names import BEFORE, PRODUCTION, Place, key, places
from estate.proposal.seen import Seen
from remote.aws.beanstalk import Environment
from remote.aws.found import Found

MAGENTO_HEALTH = "health_check.php"  # Magento's own, pub/health_check.php
_TIER_NAMES = {"back": "Back office", "front": "Front end", "app": "Application"}
_GIT = f"git@{NOWHERE}.invalid:"


def draw_services(seen: Seen, draft: Draft) -> dict[str, tuple[str, str]]:
    """Writes services and repositories. Returns which service and environment each Beanstalk environment belongs to."""
    where = places([each.name for each in seen.environments])
    grouped: dict[str, dict[str, list[Environment]]] = defaultdict(lambda: defaultdict(list))
    for each in seen.environments:
        grouped[where[each.name].service][where[each.name].environment].append(each)
    shared = shared_databases(seen, where)
    services, repositories = {}, {}
    for service in sorted(grouped):
        found = [each for many in grouped[service].values() for each in many]
        plan = "magento" if "magento" in service or any(MAGENTO_HEALTH in seen.health.get(each.name, "") for each in found) else "simple"
        services[service] = {
            "name": _name(service, found),
            "plan": plan,
            "environments": {
                environment: _target(seen, draft, service, environment, plan, grouped[service][environment], where, shared)
                for environment in sorted(grouped[service])
            },
        }
        repositories[service] = {"url": f"{_GIT}{service}.git"}
    draft.document |= {"repositories": {**repositories, "configuration": {"url": f"{_GIT}configuration.git"}}, "services": services}
    _what_only_people_know(draft)
    draft.doubt("repositories", why="AWS does not know where the code comes from: put the real addresses here")
    return {each.name: (where[each.name].service, where[each.name].environment) for each in seen.environments}


def _target(
    seen: Seen,
    draft: Draft,
    service: str,
    environment: str,
    plan: str,
    found: Sequence[Environment],
    where: Mapping[str, Place],
    shared: Mapping[str, str],
) -> dict[str, Any]:
    at = ("services", service, "environments", environment)
    tiers = _tiers(seen, found, where)
    endpoints = _endpoints(seen, found)
    bucket, secret = _secrets(seen, service, environment)
    database = _database(seen, found)
    made = {
        "lock_group": shared.get(database) or f"{service}-{environment}"[:40],
        "application": found[0].application or NOWHERE,
        "tiers": tiers,
        "database": database if plan == "magento" else "",
        "code": {"repository": service, "branch": "master"},
        "configuration": {"repository": "configuration", "branches": ["master"]},
        "bundles": {"bucket": f"elasticbeanstalk-{seen.region}-{seen.account}", "prefix": "ops-console/"},
        "secrets": {"bucket": bucket or NOWHERE, "key": secret or NOWHERE},
        "cdn": [{"name": name, "file": "/"} for name in _aliases(seen, endpoints)],
        **_front(seen, found, endpoints, plan),
    }
    if not found[0].application:
        draft.doubt(*at, "application", why="Beanstalk could not be asked")
    if shared.get(database):
        draft.doubt(*at, "lock_group", why=f"the security group of {database} lets in more than one of these: one release at a time")
    if not (bucket and secret):
        draft.doubt(*at, "secrets", why="where its secrets file lies")
    return without_empty(made)


def _aliases(seen: Seen, endpoints: set[str]) -> list[str]:
    return sorted(alias for each in seen.all("distribution") if _origins(each) & endpoints for alias in each.facts["aliases"])


def _what_only_people_know(draft: Draft) -> None:
    said = {
        "code": "which branch is released",
        "configuration": "which repository, branches and directory its configuration has",
        "shop": "what visitors call it by, where no record of Route 53 leads there: without it no downtime is measured",
        "statics": "Magento: which areas, themes and languages are generated; without it nothing is",
        "shares": "Magento: what is mounted from the file server on each host",
        "cdn": "of each name a file that is always there: it is asked for as a visitor would",
        "edits": "Magento: what a release changes in .user.ini and .htaccess",
        "build": "the build host, where there is one",
        "proofs": "what is looked at on each host after a release",
        "money": "when it pays money out, if it does: then nothing is released around it",
        "approval": "true, where a second person has to approve each plan",
    }
    draft.doubt("services", "*", "name", why="for people; from Beanstalk's description where there is one")
    draft.doubt("services", "*", "about", why="what it is, for people")
    for name, why in said.items():
        draft.doubt("services", "*", "environments", "*", name, why=why)


def _name(service: str, found: Sequence[Environment]) -> str:
    """Beanstalk's description up to its first comma, where all of its environments agree."""
    said = {each.description.partition(",")[0].strip() for each in found}
    return (said.pop() if len(said) == 1 and "" not in said else service.replace("-", " ").capitalize())[:80]


def _tiers(seen: Seen, found: Sequence[Environment], where: Mapping[str, Place]) -> list[dict[str, Any]]:
    """The back office first: it is released first."""
    tiers: list[dict[str, Any]] = []
    for each in sorted(found, key=lambda each: (where[each.name].tier != "back", each.name)):
        plain = where[each.name].tier or ("front" if len(found) > 1 else "app")
        hosts = sum(machine.facts["beanstalk"] == each.name for machine in seen.all("instance"))
        name = _TIER_NAMES[plain]
        tiers.append({"key": key(plain, [tier["key"] for tier in tiers]), "name": name, "beanstalk": each.name, "hosts": max(1, hosts)})
    return tiers


def _front(seen: Seen, found: Sequence[Environment], endpoints: set[str], plan: str) -> dict[str, Any]:
    """A shop where a public record leads to its load balancer; else the balancer's own address for what is no shop."""
    tls = any(each.facts["tls"] for each in seen.all("load-balancer") if str(each.facts["dns"]).lower() in endpoints)
    scheme = "https" if tls else "http"
    private = {each.name for each in seen.all("zone") if each.facts["private"]}
    leads = (each for each in seen.all("record") if each.facts["zone"] not in private and _leads_to(each) & endpoints)
    names = sorted((each.name for each in leads), key=lambda name: (not name.startswith("www."), len(name), name))
    health = next((seen.health[each.name] for each in found if seen.health.get(each.name)), "/")
    if plan == "magento":
        return {"shop": {"url": f"{scheme}://{names[0]}/", "health": health}} if names else {}
    host = names[0] if names else next(iter(sorted(endpoints)), "")
    return {"address": f"{scheme}://{host}/"} if host else {}


def _endpoints(seen: Seen, found: Sequence[Environment]) -> set[str]:
    """The names of the load balancers with a target group that its hosts are in."""
    names = {each.name for each in found}
    hosts = {each.id for each in seen.all("instance") if each.facts["beanstalk"] in names}
    before = {name for each in seen.all("target-group") if hosts & set(each.facts["targets"]) for name in each.facts["balancers"]}
    return {str(each.facts["dns"]).lower() for each in seen.all("load-balancer") if each.name in before}


def _leads_to(record: Found) -> set[str]:
    said = [record.facts["alias"], *(record.facts["values"] if record.facts["type"] == "CNAME" else ())]
    return {str(each).lower().rstrip(".").removeprefix("dualstack.") for each in said if each}


def _origins(distribution: Found) -> set[str]:
    return {str(each["domain"]).lower() for each in distribution.facts["origins"]}


def _secrets(seen: Seen, service: str, environment: str) -> tuple[str, str]:
    """An object of a bucket for configuration, in a folder of the service's name, or at the root for this environment alone."""
    for bucket in seen.all("bucket"):
        if not any(word in bucket.name for word in ("config", "secret")):
            continue
        keys: list[str] = bucket.facts.get("keys", [])
        own = [each for each in keys if each.startswith(f"{service}/") and "." in each]
        if not own:
            early = [
                each for each in keys if "/" not in each and places([each.partition(".")[0]])[each.partition(".")[0]].environment == BEFORE
            ]
            own = early if environment == BEFORE else [each for each in keys if "/" not in each and each not in early]
            own = own if environment in (PRODUCTION, BEFORE) else []
        if len(own) == 1:
            return bucket.name, own[0]
    return "", ""


# -- Who speaks to which database: its security group says it


def _database(seen: Seen, found: Sequence[Environment]) -> str:
    names = {each.name for each in found}
    groups = {group for each in seen.all("instance") if each.facts["beanstalk"] in names for group in each.facts["groups"]}
    return next((each.name for each in seen.all("database") if _lets_in(seen, each) & groups), "")


def _lets_in(seen: Seen, database: Found) -> set[str]:
    rules = [rule for each in seen.all("security-group") if each.id in database.facts["groups"] for rule in each.facts["in"]]
    return {str(rule["from"]) for rule in rules}


def shared_databases(seen: Seen, where: Mapping[str, Place]) -> dict[str, str]:
    """The lock group of each database that more than one service in one environment speaks to, by the database's name."""
    users: dict[str, set[str]] = defaultdict(set)
    for each in seen.environments:
        if database := _database(seen, [each]):
            users[database].add(f"{where[each.name].service} {where[each.name].environment}")
    shared = [database for database, its in users.items() if len(its) > 1]
    return {database: "shared-database" if len(shared) == 1 else key(f"database-{database}") for database in shared}
