"""`./console` before anything is installed: what is missing is named in one line; what is installed is not installed again."""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from door import bench, checks
from door.places import ROOT, Failed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Only the script and a lock: nothing is installed there."""
    shutil.copy(ROOT / "console", tmp_path / "console")
    (tmp_path / "requirements.lock").write_text("")
    return tmp_path


def started(checkout: Path, *, path: str = "", pythonpath: str = "") -> subprocess.CompletedProcess[str]:
    env = {"PATH": path or os.environ["PATH"], "PYTHONPATH": pythonpath, "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, str(checkout / "console"), "demo"]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_without_git_the_package_is_named_in_one_line(checkout: Path) -> None:
    done = started(checkout, path=str(checkout))
    assert done.returncode == 1
    assert done.stderr == "git is missing. Install the package “git”, then start again.\n"


def test_without_venv_the_package_is_named_in_one_line(checkout: Path) -> None:
    (checkout / "hidden").mkdir()
    (checkout / "hidden" / "ensurepip.py").write_text("raise ImportError")
    done = started(checkout, pythonpath=str(checkout / "hidden"))
    assert done.returncode == 1
    assert done.stderr == "Python's venv is missing. Install the package “python3-venv”, then start again.\n"


def test_what_is_installed_is_used_at_once(checkout: Path) -> None:
    """A stamp of this lock and this Python; the interpreter in .venv tells how it was called."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" "$UV_PYTHON_DOWNLOADS" "${PYTHONDONTWRITEBYTECODE-compiles once}"\n')
    python.chmod(0o755)
    (checkout / ".venv" / "installed.sha256").write_text(hashlib.sha256(sys.version.encode()).hexdigest())
    assert started(checkout).stdout == "-m door demo never compiles once\n"


def test_the_script_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse((ROOT / "console").read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names
    assert os.access(ROOT / "console", os.X_OK)


def test_an_unknown_bench_names_those_that_there_are() -> None:
    with pytest.raises(Failed, match=r"There is no bench nonsense\. There is: .*bundle"):
        bench.bench(["nonsense"], as_json=False, quick=True)


def test_a_bench_is_a_table_or_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    result = {"bench": "bundle", "case": "cold", "ours": 1.5, "baseline": 15.0, "unit": "s", "ratio": 0.1, "better": "lower"}

    class Played:
        @staticmethod
        def run(*, quick: bool) -> list[dict[str, object]]:
            return [result | {"case": "quick" if quick else "cold"}]

    monkeypatch.setattr(importlib, "import_module", lambda name: Played)
    assert bench.bench(["bundle"], as_json=False, quick=False) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == list(bench.COLUMNS)
    assert table[1].split() == ["bundle", "cold", "1.5", "15", "s", "0.1", "lower"]
    bench.bench(["bundle"], as_json=True, quick=True)
    assert '"case": "quick"' in capsys.readouterr().out


def test_without_a_browser_the_journeys_are_reported_as_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[list[str]] = []

    def run(argv: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        called.append(argv)
        return subprocess.CompletedProcess(argv, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(checks, "chromium", lambda: None)
    assert checks.test([]) == 0
    assert called[0][-2:] == ["-m", "not browser"]
    assert "NOT RUN: the browser journeys." in capsys.readouterr().out
    monkeypatch.setattr(checks, "chromium", lambda: "/usr/bin/chromium")
    checks.test([])
    assert "not browser" not in called[1]
    assert "NOT RUN" not in capsys.readouterr().out


@pytest.mark.parametrize(("codes", "arguments", "code"), [((1, 0), [], 0), ((1, 1), [], 1), ((2,), [], 2), ((1,), ["tests/runs"], 1)])
def test_what_failed_beside_others_is_run_again_alone(
    monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...], arguments: list[str], code: int
) -> None:
    called: list[list[str]] = []

    def run(argv: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        called.append(argv)
        return subprocess.CompletedProcess(argv, codes[len(called) - 1])

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(checks, "chromium", lambda: "/usr/bin/chromium")
    assert checks.test(arguments) == code
    assert len(called) == len(codes), "once more, after a whole run whose tests failed, and never else"
    assert all("--last-failed" in argv for argv in called[1:])


def test_what_tests_write_lies_in_memory_where_that_has_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "MEMORY", tmp_path)
    monkeypatch.setattr(checks, "ROOM", 1)
    with checks.folder_in_memory({"PATH": "/bin"}) as env:
        folder = Path(env["TMPDIR"])
        assert folder.parent == tmp_path
        (folder / "left").touch()
    assert not folder.exists()
    with checks.folder_in_memory({"TMPDIR": "a place of theirs"}) as env:
        assert env == {"TMPDIR": "a place of theirs"}
    (tmp_path / "meminfo").write_text("MemTotal:       24000000 kB\nMemAvailable:          0 kB\n")
    for name, value in (("ROOM", 1 << 60), ("MEMORY", tmp_path / "nowhere"), ("MEMINFO", tmp_path / "meminfo")):
        with monkeypatch.context() as but:
            but.setattr(checks, name, value)
            with checks.folder_in_memory({}) as env:
                assert env == {}, name
