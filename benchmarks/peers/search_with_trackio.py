"""The same runs in trackio, and how it finds some of them: ``python search_with_trackio.py populate|search OPTIONS``.

trackio has no search for runs and no tags. Its documented way to ask for more than a list is read-only SQL over a
project's database (https://huggingface.co/docs/trackio/storage_schema, ``trackio query project --sql``), where params
and metrics are JSON. trackio makes the tables; the rows of all runs are inserted in one transaction.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import perf_counter

from search_clock import say_search
from search_facts import LIMIT, Facts, facts

_PROJECT = "churn"
_METRICS = "insert into metrics (timestamp, run_id, run_name, step, metrics, log_id) values (?, ?, ?, 0, ?, ?)"
_CONFIGS = "insert into configs (run_id, run_name, config, created_at) values (?, ?, ?, ?)"
_QUERY = f"""\
select m.run_name as name, json_extract(cast(m.metrics as text), '$.val_auc') as auc
from metrics m join configs c on c.run_id = m.run_id
where auc > 0.88 and json_extract(cast(c.config as text), '$.max_depth') = 6
and m.id = (select max(id) from metrics last where last.run_id = m.run_id)
order by auc desc limit {LIMIT}"""


def populate(place: str, runs: int, *, first: int = 0, seed: int = 0) -> None:
    """Add runs; the tables are made if there are none."""
    import trackio  # type: ignore[import-not-found, unused-ignore]
    from trackio.sqlite_storage import SQLiteStorage  # type: ignore[import-not-found, unused-ignore]

    assert os.environ["TRACKIO_DIR"] == place
    database = SQLiteStorage.init_db(_PROJECT)
    began = perf_counter()
    with sqlite3.connect(database) as connection:
        connection.executemany(_METRICS, _metrics(runs, first, seed))
        connection.executemany(_CONFIGS, _configs(runs, first, seed))
    connection.close()
    seconds = round(perf_counter() - began, 2)
    size, tracker = os.path.getsize(database), f"trackio {trackio.__version__}"
    print(json.dumps({"tracker": tracker, "runs": runs, "seconds": seconds, "bytes": size}))


def search(place: str, rounds: int) -> None:
    """Ask as ``trackio query`` does."""
    began = perf_counter()
    from trackio.sqlite_storage import SQLiteStorage

    imported = perf_counter() - began
    assert os.environ["TRACKIO_DIR"] == place

    def names() -> list[str]:
        return [row["name"] for row in SQLiteStorage.query_project(_PROJECT, _QUERY)["rows"]]

    say_search(imported, names, rounds=rounds)


def _metrics(runs: int, first: int, seed: int) -> Iterator[tuple[object, ...]]:
    for run in (facts(number, seed) for number in range(first, first + runs)):
        yield _time(run), run.id, run.name, _json(run.metrics), run.id


def _configs(runs: int, first: int, seed: int) -> Iterator[tuple[object, ...]]:
    for run in (facts(number, seed) for number in range(first, first + runs)):
        own = {"_Username": "ada", "_Created": _time(run), "_Group": run.group}
        yield run.id, run.name, _json({**run.params, **run.tags, **own}), _time(run)


def _json(values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


def _time(run: Facts) -> str:
    return datetime.fromtimestamp(run.started / 1e6, UTC).isoformat()


_TASKS: dict[str, Callable[..., None]] = {"populate": populate, "search": search}


def main(task: str, options: str) -> None:
    """Do one task, with everything in one directory and nothing sent anywhere."""
    chosen = json.loads(options)
    os.environ.update(TRACKIO_DIR=chosen["place"], HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1")
    _TASKS[task](**chosen)


if __name__ == "__main__":
    main(*sys.argv[1:])
