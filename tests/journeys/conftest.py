"""One browser and one demo for all journeys of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.browser import FLAGS, Demo, Person, chromium, running_demo

SPEED = 250  # simulated minutes in a real one: a release to production takes well under a minute


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("NOT RUN: there is no Chromium here")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # its loop runs in the thread in which a test asks the database
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), speed=SPEED) as found:
        yield found


Arrives = Callable[..., Person]


@pytest.fixture
def arrives(browser: Browser, demo: Demo) -> Iterator[Arrives]:
    """A person of the cast, signed in; "" is somebody without an account. All leave at the end, and nobody's page complained."""
    there: list[Person] = []

    def arrive(name: str = "", *, scripted: bool = True, theme: str = "light", size: tuple[int, int] = (1440, 900)) -> Person:
        person = Person(browser, demo.url, scripted=scripted, theme=theme, size=size)
        there.append(person)
        return person.sign_in(name, demo.passwords[name]) if name else person

    yield arrive
    for person in there:
        person.leaves()
