"""``python -m benchmarks [NAME...]``: measure, print, and after a whole execution write RESULTS.md."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.harness import HERE, Bench, Section
from benchmarks.report import page, table

_CASES = (
    "log_call",
    "start_finish",
    "imports",
    "kill",
    "git_size",
    "at_once",
    "training",
    "listing",
    "sharing",
    "pushing",
    "peers",
    "searching",
    "curves",
    "fingerprint",
    "system_metrics",
    "dashboard",
)
_WITH_PEERS = ("peers", "searching")


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks named, all of them by default; the exit code tells of failures, not of missed budgets."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(_CASES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything works")
    parser.add_argument("--no-peers", action="store_true", help="leave out what needs other trackers installed")
    parser.add_argument("--note", default="", help="a remark for the page")
    parser.add_argument("-o", "--output", type=Path, help="where to write the page; RESULTS.md after a whole execution")
    options = parser.parse_args(argv)
    unknown = set(options.names) - set(_CASES)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(_CASES)}")
    names = options.names or [name for name in _CASES if name not in _WITH_PEERS or not options.no_peers]
    root = Path(tempfile.mkdtemp(prefix="gtrack-bench-"))
    before = os.getloadavg()[0]
    try:
        results = _measure(names, Bench(root, options.quick, _say))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    output = options.output or (HERE / "RESULTS.md" if not options.names and not options.quick else None)
    if output is not None:
        load = (before, os.getloadavg()[0])
        output.write_text(page(results, quick=options.quick, load=load, note=options.note), encoding="utf-8")
        _say(f"written to {output}")
    return 0


def _measure(names: list[str], bench: Bench) -> list[Section]:
    results = []
    for name in names:
        case = import_module(f"benchmarks.cases.{name}")
        _say(f"{name} ...")
        began = time.perf_counter()
        section = Section(case.TITLE, case.NOTE, case.measure(bench))
        results.append(section)
        print("\n".join(table(section.rows)), flush=True)
        _say(f"{name} took {time.perf_counter() - began:.0f} s")
    return results


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
