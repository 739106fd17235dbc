"""``gtrack export``: runs and their curves as files that other tools read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

import click

from gtrack.cli.command import command as declare
from gtrack.cli.completing import complete_file, complete_metric
from gtrack.cli.invocation import Invocation
from gtrack.cli.options import experiments_option, where_option
from gtrack.cli.selectors import explain_nothing, whole_state
from gtrack.cli.terminal import write
from gtrack.display.cells import csv_cell, to_json
from gtrack.display.words import plural
from gtrack.errors import DamageError, UsageError
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    import pyarrow as pa

    from gtrack.model.state import RunState
    from gtrack.ops.export import Exported
    from gtrack.ops.view import View
    from gtrack.reader import RecordedRun, Repo
    from gtrack.runs import Runs

__all__ = ["command"]

_EVERY = 5.0
"""Seconds between two words of progress."""
_MOST_NAMED = 5


@declare(
    "export",
    examples=[
        "gtrack export parquet -o runs.parquet",
        "gtrack export csv -o - --where 'metrics.val_auc > 0.9'",
        "gtrack export jsonl -o runs.jsonl --experiment churn",
        "gtrack export parquet --curves -o lake/churn --keys val_loss,val_auc",
        "gtrack export parquet --curves -o s3://bucket/churn --overwrite",
    ],
)
@click.argument("form", metavar="FORMAT", type=click.Choice(("parquet", "csv", "jsonl")))
@click.option(
    "-o",
    "file",
    metavar="PATH",
    required=True,
    shell_complete=complete_file,
    help="A path, a URL such as s3://bucket/runs, or - to print them.",
)
@where_option()
@experiments_option()
@click.option("--curves", is_flag=True, help="A folder of Parquet files: the runs, and the values of their metrics.")
@click.option(
    "--keys",
    metavar="KEY,...",
    multiple=True,
    shell_complete=complete_metric,
    help="Only the curves of these metrics.",
)
@click.option("--deleted", is_flag=True, help="Export the deleted runs instead.")
@click.option("--overwrite", is_flag=True, help="Replace the file, or the folder of an earlier export.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    form: str,
    file: str,
    filter_: str | None,
    experiments: Sequence[str],
    curves: bool,
    keys: Sequence[str],
    deleted: bool,
    overwrite: bool,
) -> int:
    """Write runs, and their curves, to files for other tools.

    FORMAT is parquet, csv or jsonl: one row a run. JSON lines have every fact, Parquet too, what is nested as JSON
    text; CSV has params, tags, the last values of metrics and the main facts, text that a spreadsheet would run being
    quoted by '.

    With --curves, PATH is a folder: runs/*.parquet, and curves/experiment=NAME/*.parquet with the columns run, key,
    step, time, value and rank. DuckDB, Spark, Dask, Polars and pandas read it as it is. What is seen at PATH is whole;
    at a URL it is once the file _SUCCESS is there.
    """
    _check(form, file, curves=curves, keys=keys)
    with invocation.repository() as repo:
        runs = repo.search(filter_, experiment=experiments or None, deleted=deleted)
        _tell_unknown(invocation, repo, experiments, deleted=deleted)
        if not runs:
            explain_nothing(invocation, repo, filter_)
        if curves:
            return _dataset(invocation, runs, file, _wanted(keys), overwrite=overwrite)
        if file == "-":
            for text in _text(form, runs):
                write(sys.stdout, text)
        else:
            _file(form, runs, file, overwrite=overwrite)
        invocation.notice(f"{plural(len(runs), 'run')} exported" + ("" if file == "-" else f" to {_shown(file)}"))
    return 0


def _tell_unknown(invocation: Invocation, repo: Repo, experiments: Sequence[str], *, deleted: bool) -> None:
    """Name the experiments of which there is no run, and those that may have been meant."""
    from gtrack.index.query import Query
    from gtrack.ops.rivals import no_experiment

    for name in dict.fromkeys(experiments):
        if not repo.find(Query(experiments=(name,), deleted=deleted, limit=1)):
            invocation.notice(f"gtrack: {clean(str(no_experiment(repo, name)))}")


def _check(form: str, target: str, *, curves: bool, keys: Sequence[str]) -> None:
    if curves and form != "parquet":
        raise UsageError(
            f"curves are exported as Parquet, not as {form}", hint="gtrack export parquet --curves -o PATH"
        )
    if keys and not curves:
        raise UsageError("--keys says which curves: it goes with --curves")
    if target == "-" and form == "parquet":
        raise UsageError("Parquet is no text to print", hint="-o runs.parquet, or csv or jsonl")
    if not target:
        raise UsageError("-o names no place")


def _wanted(keys: Sequence[str]) -> frozenset[str] | None:
    return frozenset(key.strip() for text in keys for key in text.split(",") if key.strip()) if keys else None


def _file(form: str, runs: Runs, target: str, *, overwrite: bool) -> None:
    from gtrack.ops.export_curves import write_parquet
    from gtrack.ops.export_place import open_file

    with open_file(target, overwrite=overwrite) as file:
        if form == "parquet":
            write_parquet(_table(runs), file)
        else:
            for text in _text(form, runs):
                file.write(text.encode("utf-8", "backslashreplace"))


def _text(form: str, runs: Runs) -> Iterator[str]:
    from gtrack.ops.export_text import csv_text, jsonl_text
    from gtrack.runs import runs_table

    if form == "csv":
        return csv_text(runs_table([_whole(run) for run in runs]), csv_cell)
    return jsonl_text((_whole(run).to_dict() for run in runs), to_json)


def _table(runs: Runs) -> pa.Table:
    from gtrack.ops.export import with_facts
    from gtrack.runs import runs_table

    states = [_whole(run) for run in runs]
    return with_facts(runs_table(states), states)


def _whole(run: RecordedRun) -> RunState:
    """Return a run's state with its long values put back; only where there are any is their file looked for."""
    from gtrack.ops.spill import MARK

    state = run.state
    return whole_state(run) if _mentions(MARK, state.params) or _mentions(MARK, state.tags) else state


def _mentions(mark: str, values: object) -> bool:
    if isinstance(values, Mapping):
        return mark in values or any(_mentions(mark, value) for value in values.values())
    return isinstance(values, list) and any(_mentions(mark, value) for value in values)


def _dataset(invocation: Invocation, runs: Runs, target: str, keys: frozenset[str] | None, *, overwrite: bool) -> int:
    from gtrack.ops.export import export_dataset

    if target == "-":
        raise UsageError("curves are a folder of files", hint="-o PATH")
    logged = {key for run in runs for key in run.state.metrics}
    for key in sorted((keys or frozenset()) - logged):
        invocation.notice(f"no run here has a metric {clean(key)!r:.100}")
    progress = _progress(invocation, len(runs))
    done = export_dataset(target, _table(runs), _by_view(runs), keys, overwrite=overwrite, progress=progress)
    what = f"{plural(done.runs, 'run')} and {plural(done.points, 'point')} in {plural(len(done.files), 'file')}"
    invocation.notice(f"{what} at {_shown(target)}")
    _tell_previews(invocation, done)
    _tell_damaged(invocation, done)
    return DamageError.exit_code if done.damaged else 0


def _by_view(runs: Iterable[RecordedRun]) -> list[tuple[View, list[RunState]]]:
    groups: dict[int, tuple[View, list[RunState]]] = {}
    for run in runs:
        groups.setdefault(id(run.view), (run.view, []))[1].append(run.state)
    return list(groups.values())


def _progress(invocation: Invocation, total: int) -> Callable[[int], None]:
    """Return what says now and then how far an export is."""
    said = monotonic()

    def tell(count: int) -> None:
        nonlocal said
        if monotonic() - said >= _EVERY:
            said = monotonic()
            invocation.notice(f"{count:,} of {plural(total, 'run')}")

    return tell


def _tell_previews(invocation: Invocation, done: Exported) -> None:
    if done.previews:
        invocation.notice(
            f"the curves of {plural(len(done.previews), 'run')} are previews of "
            f"{plural(sum(done.previews.values()), 'point')}: "
            "the whole is neither here nor in a store that can be reached; gtrack store status"
        )


def _tell_damaged(invocation: Invocation, done: Exported) -> None:
    for run_id, why in list(done.damaged.items())[:_MOST_NAMED]:
        invocation.notice(f"without the curves of {run_id[:SHORT]}: {clean(why)}")
    if len(done.damaged) > _MOST_NAMED:
        invocation.notice(f"and without those of {plural(len(done.damaged) - _MOST_NAMED, 'more run')}; gtrack fsck")


def _shown(target: str) -> str:
    from gtrack.branch.transport_url import without_credentials

    return clean(without_credentials(target))
