"""P9: one active run in a lock group, whoever presses at the same moment. Points: DATABASE:ROUND."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from faults import small_plans
from faults.points import Promise, Verdict
from faults.rig import Rig

AT_ONCE = 50
ROUNDS = 20


def points(rig: Rig) -> Iterator[str]:
    for database in ("sqlite", "postgresql"):
        for number in range(1, ROUNDS + 1):
            yield f"{database}:{number}"


def run(rig: Rig, point: str) -> Verdict:
    plan = small_plans.nothing(rig, f"faults-{uuid.uuid4().hex[:12]}")
    second = rig.fork("web", port=rig.port)
    worker = 0
    try:
        answers = _all_at_once(rig, plan)
        found = _judge(rig, answers)
        first = next((answer for answer in answers if answer.status_code == 201), None)
        if first is not None:
            key = first.request.headers["Idempotency-Key"]
            again = rig.http.post("/api/v1/runs", json={"plan": plan["id"], "hash": plan["hash"]}, headers={"Idempotency-Key": key})
            if again.status_code not in (200, 201) or again.json()["id"] != first.json()["id"]:
                found.append(f"the same key again: {again.status_code} {again.text[:200]}")
            worker = rig.fork("worker")
            ended = rig.finished(first.json()["id"], seconds=30)
            if ended["state"] != "succeeded":
                found.append(f"the one that was accepted is {ended['state']}: {ended['said']}")
        return Verdict(found)
    finally:
        rig.nursery.kill(second, worker)
        if not rig.nursery.is_alive(rig.web):
            rig.start_web()


def _all_at_once(rig: Rig, plan: dict[str, object]) -> list[httpx.Response]:
    barrier = threading.Barrier(AT_ONCE)

    def press(_: int) -> httpx.Response:
        with httpx.Client(base_url=rig.http.base_url, headers=rig.http.headers, timeout=90, trust_env=False) as client:
            barrier.wait(60)
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            return client.post("/api/v1/runs", json={"plan": plan["id"], "hash": plan["hash"]}, headers=headers)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(press, range(AT_ONCE)))


def _judge(rig: Rig, answers: list[httpx.Response]) -> list[str]:
    accepted = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 409]
    found = []
    if len(accepted) != 1:
        found.append(f"{len(accepted)} of {len(answers)} were accepted")
    if len(accepted) + len(refused) != len(answers):
        others = sorted({answer.status_code for answer in answers} - {201, 409})
        found.append(f"there were other answers than 201 and 409: {others}")
    for answer in refused:
        problem = answer.json()
        if accepted and (str(accepted[0].json()["id"]) not in answer.text or "admin" not in answer.text or "since" not in answer.text):
            found.append(f"a refusal does not say who, when and where: {problem}")
            break
    return found


PROMISE = Promise(
    "P9", "One active run in a lock group, however many press at the same moment", points, run, database=lambda point: point.split(":")[0]
)
