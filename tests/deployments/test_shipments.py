"""Which bundles are kept on the console's disk: what is wanted now, however long ago it was built."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django.fixtures import Settings

from deployments import shipments
from deployments.bundle import Sources
from tests import scenery


@pytest.fixture
def shelf(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every commit stands for its own bundle, which was built long ago."""
    settings.DATA_DIR = str(tmp_path)

    def build(sources: Sources, store: Path) -> SimpleNamespace:
        path = tmp_path / f"{sources.magento_commit}.built"
        if not path.exists():
            path.write_text(sources.magento_commit)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        return SimpleNamespace(sha256=sources.magento_commit, path=path)

    monkeypatch.setattr(shipments, "mirror", lambda name: name)
    monkeypatch.setattr(shipments, "ensure_commit", lambda *asked: None)
    monkeypatch.setattr(shipments, "build", build)
    return tmp_path


def test_a_bundle_that_is_wanted_again_stays_beside_newer_ones(shelf: Path) -> None:
    """Its release would wait for it for ever."""
    target = scenery.target()
    for number in range(shipments.KEPT):
        shipments.bundle_of(target, f"new-{number}", "c0ffee")
        os.utime(shipments.bundle_file(f"new-{number}"))  # these bytes are of today
    shipments.bundle_of(target, "old", "c0ffee")
    assert shipments.bundle_file("old").exists()
    assert not shipments.bundle_file("new-0").exists(), "the one that was wanted longest ago makes room"
    shipments.bundle_of(target, "new-1", "c0ffee")
    shipments.bundle_of(target, "another", "c0ffee")
    assert shipments.bundle_file("new-1").exists(), "it was wanted again"
    assert not shipments.bundle_file("new-2").exists()


def test_what_is_noted_of_a_bundle_does_not_touch_its_file(shelf: Path) -> None:
    """The shelf has the same file, and knows it by its time; nor does a copy or a restore of the files tell what was wanted."""
    target = scenery.target()
    shipments.bundle_of(target, "one", "c0ffee")
    named = shipments.bundle_file("one")
    named.chmod(0o640)
    shipments.bundle_of(target, "one", "c0ffee")
    assert oct(named.stat().st_mode & 0o777) == "0o640"
    for number in range(shipments.KEPT):
        named.chmod(0o600)
        shipments.bundle_of(target, f"new-{number}", "c0ffee")
    assert not named.exists()
    assert len(list(named.parent.iterdir())) == 2 * shipments.KEPT


def test_a_plan_is_made_though_nothing_can_be_noted(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*asked: object, **more: object) -> None:
        raise PermissionError("it belongs to another user")

    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(Path, "chmod", refuse)
    assert shipments.bundle_of(scenery.target(), "one", "c0ffee").sha256 == "one"
