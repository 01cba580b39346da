"""The import of a renewed certificate in the place of the one that is there: a run that checks it again before it imports it.

The plan has its fingerprint, its names and its end; the certificate's key is held sealed until the run is over (`handover.sealed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from deployments.actions import NotStartable
from estate.models import Resource
from handover import operations, sealed
from handover.certificates import Judged, Renewed, fingerprint_of, judge
from people.models import Operator
from people.permissions import require
from remote.aws import delivery
from runs import actions as runs
from runs.effects import Context, Done, Failed, Finding, NotDone, Running
from runs.models import Run
from runs.plan import Act, Plan, Step


def is_renewable(resource: Resource) -> bool:
    """Amazon renews its own."""
    return resource.kind == "certificate" and resource.gone is None and resource.facts.get("type") == "IMPORTED"


def start(resource: Resource, renewed: Renewed, *, confirmation: str, idempotency_key: str, reason: str = "", by: Operator) -> Run:
    """Raises Forbidden, ValidationError with all that is wrong with it, NotStartable, Unreachable, and what `start_run` raises."""
    environment = operations.environment_of(resource)
    require(by, operations.KIND, environment)
    if before := runs.begun_before(idempotency_key, kind=operations.KIND, service="", environment=environment):
        return before
    if not is_renewable(resource):
        raise NotStartable([f"{resource} was not imported, so nothing is imported in its place."])
    judged = judge(renewed, names=_names(resource), ends=str(resource.facts.get("ends", "")))
    held = sealed.put({"certificate": renewed.certificate.decode(), "chain": renewed.chain.decode(), "key": renewed.key.decode()})
    try:
        plan = drawn(resource, judged, held)
        return operations.started(resource, plan, confirmation=confirmation, idempotency_key=idempotency_key, reason=reason, by=by)
    except BaseException:  # whatever it is: no run will take it
        sealed.forget(held)
        raise


def drawn(resource: Resource, judged: Judged, held: str) -> Plan:
    params = {"certificate": resource.key, "held": held, "fingerprint": judged.fingerprint, "names": _names(resource),
              "before": str(resource.facts.get("ends", ""))}  # fmt: skip
    files = ("--certificate", "fileb://certificate.pem", "--certificate-chain", "fileb://chain.pem", "--private-key", "fileb://key.pem")
    region = resource.key.split(":")[3]
    argv = ("aws", "--region", region, "acm", "import-certificate", "--certificate-arn", resource.key, *files)
    said = f"SHA-256 {judged.fingerprint[:16]}…, issued by {judged.issuer}, for {', '.join(judged.names[:8])}, until {judged.ends[:10]}."
    steps = (
        Step("check", "Check chain, key and names", (Act("certificate.check", "check", "console", params=params),), said, "console", 2),
        Step("import", f"Import it as {resource}", (Act("certificate.import", "import", str(resource), argv, params=params),),
             "What serves the old one serves the new one within minutes. Done when ACM hands out the new one.", "AWS", 10),
    )  # fmt: skip
    facts = {"operation": "renew", "resource": {"kind": resource.kind, "key": resource.key}}
    title = f"Import the renewed certificate {resource}"
    return Plan(operations.KIND, title, "", operations.environment_of(resource), operations.lock_of(resource), steps, facts)


def _names(resource: Resource) -> list[str]:
    return sorted({str(resource.facts["domain"]), *map(str, resource.facts.get("names", ()))})


def _held(act: Act) -> Renewed:
    found = sealed.take(act.params["held"])
    return Renewed(found["certificate"].encode(), found["chain"].encode(), found["key"].encode())


class CheckRenewed:
    """Params: held, names, before, fingerprint. Judged once more where it is used: hours may lie between the plan and its run."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        try:
            judged = judge(_held(act), names=act.params["names"], ends=act.params["before"])
        except ValidationError as wrong:
            return Failed(" ".join(wrong.messages))
        if judged.fingerprint != act.params["fingerprint"]:
            return Failed("What is held is not what was planned.")
        return Done(f"key, chain and {len(act.params['names'])} names are right; it ends on {judged.ends[:10]}")

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"


class ImportRenewed:
    """Params: certificate (its ARN), held, fingerprint. The same once more imports the same."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        renewed = _held(act)
        delivery.import_certificate(act.params["certificate"], certificate=renewed.certificate, chain=renewed.chain, key=renewed.key)
        context.out("AWS").line(f"{act.target}: import accepted")
        return {"accepted": timezone.now().isoformat()}

    def probe(self, act: Act, context: Context) -> Finding:
        if fingerprint_of(delivery.certificate_pem(act.params["certificate"])) == act.params["fingerprint"]:
            sealed.forget(act.params["held"])
            return Done(f"ACM hands out the new one, {act.params['fingerprint'][:16]}…")
        if context.answer.get("accepted"):
            return Running("ACM still hands out the old one", ask_again=2)
        return NotDone("ACM hands out the old one; the same import once more is the same")

    def cancel(self, act: Act, context: Context) -> str:
        sealed.forget(act.params["held"])
        return "what was handed in is forgotten"
