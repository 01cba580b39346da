"""The release before: the events of yesterday's deployment, so that the first page is not an empty one.

Lives here: dates and the order; the words stand in `texts`. Durations are those of `sandbox.durations`, so they show what to expect.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sandbox.aws import texts
from sandbox.aws.state import Environment, Event, Ledger
from sandbox.durations import DURATIONS

COMMANDS = DURATIONS.unzip + DURATIONS.setup_upgrade + DURATIONS.di_compile + DURATIONS.flip


def release_before(ledger: Ledger) -> None:
    """Every environment's last deployment ended when its expected version says so."""
    events: list[Event] = []
    for environment in ledger.environments.values():
        request_id = ledger.request_id()
        began = _began(environment)
        for seconds, message in _story(environment):
            began += timedelta(seconds=seconds)
            events.append(_event(environment, began, message, request_id))
    ledger.events.extend(sorted(events, key=lambda event: event.date))


def last_release(environment: Environment) -> tuple[float, float]:
    """When its last deployment began and ended, in seconds since the epoch."""
    return _began(environment).timestamp(), environment.expected.at.timestamp()


def _began(environment: Environment) -> datetime:
    return environment.expected.at - timedelta(seconds=sum(seconds for seconds, _ in _story(environment)))


def _story(environment: Environment) -> Iterator[tuple[float, str]]:
    """Simulated seconds since the message before, and the message."""
    instances = environment.instances
    yield 0, texts.UPDATE_STARTS
    yield DURATIONS.update_begins, texts.DEPLOYING
    for number, instance in enumerate(instances, start=1):
        yield DURATIONS.batch_begins, texts.batch_starts(number, [instance.id])
        yield DURATIONS.between_batches, texts.batch_deregisters(number)
        yield DURATIONS.drain, texts.batch_commands(number)
        if instance.host.platform == "al2":
            yield COMMANDS, texts.INSTANCE_DEPLOYED
        yield COMMANDS if instance.host.platform == "al1" else 4, texts.batch_commands_done(number)
        yield 0, texts.commands_completed(number, len(instances))
        yield 0, texts.batch_registers(number)
        yield DURATIONS.target_healthy + DURATIONS.healthy_checks, texts.batch_completed(number)
    yield 0, texts.VERSION_DEPLOYED
    yield 0, texts.UPDATE_COMPLETED


def _event(environment: Environment, date: datetime, message: str, request_id: str) -> Event:
    return Event(date, "INFO", message, environment.name, "", request_id)
