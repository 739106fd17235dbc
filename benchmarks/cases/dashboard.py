"""The dashboard in a real browser, beside those of MLflow and trackio on the same runs."""

from __future__ import annotations

import functools
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases.searching import Many
from benchmarks.harness import HERE, VENVS, Bench, Row
from benchmarks.work.dashboard_tour import chromium
from benchmarks.work.search_facts import WHERE, facts

TITLE = "The dashboard"
NOTE = f"""\
Runs of 20 params, 10 metrics and 5 tags, the same in every tracker; each server in turn, with one Chromium that is
running already. Every visitor has a fresh profile; what is told of those after the first is the median. From the
navigation until the rows are on the screen: gtrack's and MLflow's first page of runs, trackio's page "Runs" (the page
that it opens with draws all runs). A filter is measured from Enter on, `{WHERE}` first; an opened run from the click
until its metrics are shown. gtrack's index is there already. Curves are drawn in one panel; a zoom is measured from
the release of the mouse until finer points are there. Memory is what the server's processes have resident."""

_FILTERS = (WHERE, "metrics.val_auc > 0.9", "metrics.val_loss < 0.3 AND params.model = 'xgb'")
_LS = (sys.executable, "-m", "gtrack", "ls", "-n", "1")
_TABLE, _ANSWER, _MEMORY = 2.0, 0.5, 400.0
_PEERS = ("mlflow", "trackio")
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "BROWSER": "true",
}

Figures = dict[str, list[float]]


def measure(bench: Bench) -> list[Row]:
    """Return a row for everything that was done, by tracker."""
    if find_spec("playwright") is None or chromium() is None:
        return [Row("the dashboard: there is no Chromium, or no playwright", "not measured")]
    runs, curves, points = bench.size(10_000, 300), bench.size(50, 5), 10_000
    many = Many(bench, bench.directory("dashboards"), runs, {})
    rows = _runs(many)
    bench.log(f"  dashboard: {curves} curves of {points:,} points")
    return rows + _curves(bench, curves, points)


def _runs(many: Many) -> list[Row]:
    bench = many.bench
    bench.log(f"  dashboard: {many.runs:,} runs in gtrack")
    path = _gtrack(bench, runs=many.runs, batch=10)
    ours = _tour(bench, "gtrack", path, {"filters": _FILTERS})
    said = f"{many.runs:,} runs"
    shown: dict[str, Figures] = {"gtrack": ours}
    rows = []
    for peer in _PEERS:
        try:
            if not (VENVS / peer / "bin" / "python").exists():
                raise FileNotFoundError("not installed: `python -m benchmarks peers` does it")
            bench.log(f"  dashboard: {many.runs:,} runs in {peer}")
            title = many.ask(peer, "populate", runs=many.runs)["tracker"]
            shown[title] = _tour(bench, peer, many.place, _known(many.runs))
        except TimeoutError as error:
            rows.append(Row(f"first visitor, until {said} are a table: {title}", "never", str(error)))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            rows.append(Row(f"{peer}: {str(error)[-200:]}", "not measured"))
    for what, name, budget in (
        ("started, until it answers", "ready", None),
        (f"first visitor, until {said} are a table", "first", _TABLE),
        ("a later visitor, until the table", "again", _TABLE),
        ("a filter, until its answer", "filter", _ANSWER),
        ("a run opened, until its metrics", "open", None),
    ):
        rows += _timed(what, name, shown, budget)
    return rows + _memory(said, shown)


def _curves(bench: Bench, curves: int, points: int) -> list[Row]:
    path = _gtrack(bench, runs=curves, points=points, metrics=1)
    found = {"gtrack": _tour(bench, "gtrack", path, {"curves": curves, "points": points})}
    said = f"{curves} curves x {points:,} points"
    return [
        *_timed(f"first visitor, until {said} are drawn", "first", found, None),
        *_timed("a later visitor, until they are drawn", "again", found, None),
        *_timed("a zoom, until its detail", "zoom", found, None),
        *_memory(said, found),
    ]


def _timed(what: str, name: str, shown: Mapping[str, Figures], budget: float | None) -> list[Row]:
    """Return a row for each tracker in which this was done; the ratio is to gtrack's figure."""
    rows: list[Row] = []
    ours = median(shown["gtrack"][name])
    for title, figures in shown.items():
        if name not in figures:
            continue
        took, mine = median(figures[name]), title == "gtrack"
        rows.append(
            Row(
                f"{what}: {title}",
                _seconds(took),
                _spread(figures[name]) if mine else f"gtrack: {_seconds(ours)}",
                "" if mine else f"{took / ours:.1f}x",
                f"<= {budget:g} s" if budget and mine else "",
                took <= budget if budget and mine else None,
            )
        )
    return rows


def _memory(said: str, shown: Mapping[str, Figures]) -> list[Row]:
    rows = []
    ours = max(_resident(shown["gtrack"]).values())
    for title, figures in shown.items():
        after = _resident(figures)
        mine, most = title == "gtrack", max(after.values())
        rows.append(
            Row(
                f"memory of the server, {said}: {title}",
                f"{most:.0f} MiB",
                ", ".join(f"{what} {value:.0f}" for what, value in after.items()),
                "" if mine else f"{most / ours:.1f}x",
                f"<= {_MEMORY:.0f} MB" if mine else "",
                most * 2**20 <= _MEMORY * 1e6 if mine else None,
            )
        )
    return rows


def _resident(figures: Figures) -> dict[str, float]:
    return {name.removesuffix(" MiB"): max(values) for name, values in figures.items() if name.endswith(" MiB")}


def _gtrack(bench: Bench, **options: int) -> Path:
    """Return a packed repository of runs, with its index."""
    path = bench.repository("watched", modules=20)
    bench.work("populate_many", path, **options)
    for argv in (("git", "repack", "-adq"), _LS):
        subprocess.run(argv, cwd=path, env=bench.env(), check=True, stdout=subprocess.DEVNULL)
    return path


def _tour(bench: Bench, tracker: str, place: Path, known: Mapping[str, Any]) -> Figures:
    """Visit a tracker's dashboard, and return the seconds and MiB of everything."""
    port = _free_port()
    env = {**bench.env(**_QUIET), "GRADIO_SERVER_PORT": str(port), "TRACKIO_DIR": str(place / "trackio")}
    programs = {
        "gtrack": [sys.executable, "-m", "gtrack", "ui", "--no-browser", "--port", str(port)],
        "mlflow": [
            _program("mlflow"),
            "ui",
            "--backend-store-uri",
            f"sqlite:///{place}/mlflow.db",
            "--port",
            str(port),
        ],
        "trackio": [_program("trackio"), "show", "--project", "churn", "--host", "127.0.0.1"],
    }
    answer: dict[str, Any] = bench.work(
        "dashboard_tour",
        HERE.parent,
        env=env,
        tour=tracker,
        argv=programs[tracker],
        folder=str(place),
        url=f"http://127.0.0.1:{port}",
        visitors=bench.size(3, 1),
        known=known,
    )
    if "never" in answer:
        raise TimeoutError(answer["never"])
    return answer


def _program(peer: str) -> str:
    return str(VENVS / peer / "bin" / peer)


def _known(runs: int) -> dict[str, Any]:
    """Return what is to be seen in another tracker: its newest run, and the newest that each filter lets pass."""
    tests = (
        lambda run: run.metrics["val_auc"] > 0.88 and run.params["max_depth"] == 6,
        lambda run: run.metrics["val_auc"] > 0.9,
        lambda run: run.metrics["val_loss"] < 0.3 and run.params["model"] == "xgb",
    )
    newest = [next(run for run in map(_facts, range(runs - 1, -1, -1)) if test(run)) for test in tests]
    filters = [(where, run.name) for where, run in zip(_FILTERS, newest, strict=True)]
    return {"newest": facts(runs - 1).name, "filters": filters, "open": (newest[-1].name, newest[-1].id)}


@functools.cache
def _facts(number: int) -> Any:
    return facts(number)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _spread(values: list[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f} s" if len(values) > 1 else ""
