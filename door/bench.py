"""`./console bench`: runs the modules of `bench/` and prints what they measured, each case beside its baseline.

A bench is a module with `run(*, quick: bool) -> list[dict]`; a result has bench, case, ours, baseline, unit, ratio (ours / baseline) and
better (higher or lower).
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

from door.places import ROOT, Failed

COLUMNS = ("bench", "case", "ours", "baseline", "unit", "ratio", "better")


def bench(names: Sequence[str], *, as_json: bool, quick: bool) -> int:
    """Raises Failed for an unknown name."""
    modules = [path for path in (ROOT / "bench").glob("[a-z]*.py") if "\ndef run(" in path.read_text(encoding="utf-8")]
    known = sorted(path.stem.replace("_", "-") for path in modules)
    if unknown := [name for name in names if name not in known]:
        raise Failed(f"There is no bench {', '.join(unknown)}. There is: {', '.join(known) or 'none yet'}.")
    results: list[dict[str, Any]] = []
    for name in names or known:
        print(f"{name} …", file=sys.stderr, flush=True)
        results += importlib.import_module(f"bench.{name.replace('-', '_')}").run(quick=quick)
    print(json.dumps(results, indent=2) if as_json else _table(results), flush=True)
    return 0


def _table(results: Sequence[dict[str, Any]]) -> str:
    columns = dict.fromkeys((*COLUMNS, *(name for result in results for name in result)))  # what a bench tells besides stands behind
    rows = [tuple(columns), *(tuple(_shown(result.get(column, "")) for column in columns) for result in results)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
