"""The runs and the searches that gtrack and MLflow are both asked, and where the two are meant to differ.

Sources, each with every filter and order that it shows:

- https://mlflow.org/docs/latest/ml/search/search-runs, "Search Runs" (of MLflow 3)
- https://www.mlflow.org/docs/1.23.0/search-syntax.html, and the page of 1.2, "Search" (of MLflow 1)
- the docstrings of ``mlflow.search_runs`` and ``MlflowClient.search_runs``
- https://docs.databricks.com/api/experiments/v1/search-runs, "Search Runs" (the REST interface)

``{id0}`` is the id of the first run: the documents name ids of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

__all__ = ["CASES", "RUNS", "Case", "LoggedRun"]

START = 1_664_067_852_747
"""The time in the documents' examples, in milliseconds."""


@dataclass(frozen=True)
class LoggedRun:
    """What is logged of a run, on both sides."""

    name: str
    start: int
    end: int
    status: str = "FINISHED"
    user: str = "user1"
    params: dict[str, object] = field(default_factory=dict)
    tags: dict[str, object] = field(default_factory=dict)
    metrics: tuple[tuple[str, float, int], ...] = ()
    datasets: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Case:
    """A search.

    Attributes:
        text: The filter.
        order: What to sort by.
        differs: Why gtrack's answer is meant to be another than MLflow's; None where they are the same.
        ours: Then, which runs gtrack finds, by their numbers; None where it is an error.
        error: Both refuse it.
    """

    text: str
    order: tuple[str, ...] = ()
    differs: str | None = None
    ours: tuple[int, ...] | None = None
    error: bool = False


def _guide(i: int) -> LoggedRun:
    """Return one of the ten runs of the guide's script."""
    return LoggedRun(
        name="my-run" if i == 3 else f"run-{i}",
        start=START - 2_000 + 500 * i,
        end=START - 1_000 + 500 * i,
        status="FAILED" if i == 7 else "FINISHED",
        user="user1" if i % 2 else "Monkey D Luffy",
        params={
            "batch_size": 2 if i < 5 else 4,
            "learning rate": (0.001, 0.01)[i % 2],
            "model": ("GPT-2", "GPT-3", "GPT-3.5", "GPT-4", *[None] * 6)[i],
        },
        tags={
            "task": ("classification", "regression", "causal lm", *[None] * 7)[i],
            "environment": "notebook" if i < 5 else None,
        },
        metrics=(
            ("loss", 1 - 0.1 * i, 0),
            ("accuracy", 0.1 * i, 0),
            ("log-scale-loss", math.log(1 - 0.1 * i), 0),
            ("f1 score", 0.1 * i, 0),
        ),
        datasets=(
            (
                "custom" if i < 5 else "also custom",
                ("s8ds293b", "jks834s2", *(f"digest{j}" for j in range(8)))[i],
                "train" if i < 5 else "test",
            ),
        ),
    )


_ODD = (
    LoggedRun(  # 10: what else the documents' examples name
        name="keras-hyperparam-search",
        start=START + 10_000,
        end=START + 11_000,
        params={
            "model": "LogisticRegression",
            "lambda": 0.001,
            "layers": 10,
            "model_class": "LogisticRegression",
            "model-type": "linear",
            "1st_iteration_timestamp": "2022-01-01",
            "input": "a",
            "lr": 0.1,
        },
        tags={"s.release": "1.1.0-RC", "production": "true", "test": "abc", "user-name": "Tomas"},
        metrics=(
            ("error", 0.05, 0),
            ("rmse", 0.8, 0),
            ("accuracy_score", 99.8, 0),
            ("cross-entropy-loss", 0.4, 0),
            ("prediction accuracy", 0.95, 0),
            ("2019-04-02 error rate", 0.3, 0),
            ("error rate", 0.3, 0),
            ("m", 1.55, 0),
            ("alpha", 1, 0),
        ),
    ),
    LoggedRun(  # 11: the same keys with other values, and values that change with time
        name="inception",
        start=START + 20_000,
        end=START + 25_000,
        status="KILLED",
        params={"model": "Inception", "lambda": "1e-3", "layers": "ten", "input": "B", "lr": "auto"},
        tags={"s.release": "1.2.0-GA", "production": "True", "test": "ABC"},
        metrics=(
            ("m", 9.0, 0),
            ("m", 2.5, 1),
            ("rmse", 0.1, 0),
            ("rmse", 1.2, 5),
            ("rmse", 0.2, 3),
            ("alpha", 1, 0),
        ),
    ),
    LoggedRun(name="nothing", start=START + 30_000, end=START + 31_000),  # 12: nothing at all
    LoggedRun(  # 13: numbers that are none, and are too large
        name="diverged",
        start=START + 40_000,
        end=START + 41_000,
        params={"batch_size": "two", "lr": 10, "flag": True},
        metrics=(("loss", math.nan, 0), ("m", math.inf, 0), ("rmse", -math.inf, 0), ("accuracy", -1.5, 0)),
        datasets=(("custom", "s8ds293b", "train"), ("another custom name", "zzz", "validation")),
    ),
    LoggedRun(  # 14: keys and values of every script and sort
        name="größe 100%",
        start=START + 50_000,
        end=START + 51_000,
        user="Ада",
        params={"größe": "groß", "a.b-c d/e:f": 6, "quote": "it's", "lr": 9, "percent": "100%_x"},
        tags={"ключ": "значение", "a.b-c d/e:f": 'say "hi"', "case": "ÄÖÜ"},
        metrics=(("точность", 0.5, 0), ("a.b-c d/e:f", 0.5, 0)),
    ),
)
RUNS = (*map(_guide, range(10)), *_ODD)

_GUIDE = """
metrics.loss > 0.8
metrics.accuracy > 0.72
metrics.loss <= 0.15
metrics.accuracy != 0.15
params.model = "GPT-4o"
params.model LIKE "GPT%"
params.model ILIKE "gpt%"
datasets.name IN ('custom', 'also custom', 'another custom name')
datasets.digest IN ('s8ds293b', 'jks834s2')
attributes.run_id IN ('5984a3488161440f92de9847e846b342')
attributes.run_id IN ('{id0}', '{id2}')
metrics."accuracy" > 0.72
metrics.`log-scale-loss` <= 0
metrics.`f1 score` >= 0.5
metrics.accuracy > 0.72 AND metrics.loss <= 0.15
params.batch_size = "2"
params.model ILIKE "gPt%"
params.model LIKE "GPT%" AND params.batch_size = "2"
tags."environment" = "notebook"
tags.environment = "notebook"
tags.task = "Classification"
tags.task ILIKE "classif%"
datasets.name LIKE "custom"
datasets.context = "train"
attributes.status = "ACTIVE"
attributes.status = "FAILED"
attributes.user_id LIKE "user1"
attributes.run_name = "my-run"
attributes.run_id = "a1b2c3d4"
attributes.run_id = "{id4}"
attributes.run_id IN ('a1b2c3d4', 'e5f6g7h8')
attributes.start_time >= 1664067852747
attributes.end_time < 1664067852747
attributes.created > 1664067852747
datasets.name IN ('custom', 'also custom')
metrics.accuracy > 0.72 AND metrics.batch_size != 0
metrics.accuracy > 0.72 AND metrics.batch_size != 0 AND attributes.run_id IN ('a1b2c3d4', 'e5f6g7h8')
metrics.loss <= 0.15 AND metrics.loss >= 0.1
params.batch_size != "None"
params.model = 'GPT-4'
metrics.rmse < 0.9 and tags.production = 'true'
metrics.accuracy_score < 99.90
metrics.`cross-entropy-loss` < 0.5
params.`1st_iteration_timestamp` = "2022-01-01"
tag.`test` = 'abc'
tag.`test` = "abc"
tag."test" = "abc"
metrics.accuracy > 0.92
params.model = "LogisticRegression" and params.lambda = "0.001" and metrics.error <= 0.05
params."model-type" = "linear"
metrics."error rate" < 0.5
metrics."2019-04-02 error rate" < 0.5
tags."mlflow.runName" = "keras-hyperparam-search"
params.model = 'Inception'
tags.s.release ILIKE '%rc%'
metrics.rmse < 1 and params.model_class = 'LogisticRegression'
"""
_REFUSED = """
tag.`test` = `abc`
tag.`test` = abc
metrics.accuracy != "None"
metrics."model class" = 'LinearRegression' and tags."user-name" = 'Tomas'
"""
"""What the guide calls an error, and an example of the REST interface that compares a metric with text."""

_COMPLEX = """
attributes.run_id IN ('{id0}','{id1}')
  AND metrics.loss > 0.3
  AND metrics."f1 score" < 0.5
  AND params.model LIKE "GPT%"
"""

_FURTHER = """
metric.loss < 0.5
params.batch_size != "2"
parameter.batch_size = '2'
parameters.batch_size = '2'
param.batch_size = '2'
tag.task LIKE '%cal%'
attribute.status = 'KILLED'
attributes.status != 'FINISHED'
attr.status = 'FINISHED'
run.status = 'FAILED'
status = 'FINISHED'
run_name LIKE 'run-%'
attributes.`run name` = 'my-run'
attributes."Run name" = 'my-run'
attributes.run_name ILIKE 'MY-RUN'
attributes.run_name LIKE 'größe%'
attributes.user_id = 'Monkey D Luffy'
attributes.run_id NOT IN ('{id0}', '{id1}')
attributes.run_id != '{id0}'
attributes.start_time = 1664067852747
attributes.start_time > 1664067852747 AND attributes.end_time <= 1664067863747
start_time < 1664067851747
datasets.name = 'custom'
datasets.name != 'custom'
datasets.name ILIKE 'CUSTOM'
datasets.digest = 'zzz' AND datasets.context = 'train'
dataset.context LIKE '%t%'
metrics.m > 2
metrics.m < 2
metrics.rmse > 1
metrics.m > 1e300
metrics.rmse < -1e300
metrics.loss = 1
metrics.loss = 1.0
metrics.accuracy < -1
metrics.missing != 0
params.missing != 'x'
params.layers = '10'
params.layers != '10'
params.flag = 'True'
params.größe = 'groß'
params.`größe` LIKE 'gr%'
params.`a.b-c d/e:f` = '6'
params."a.b-c d/e:f" = "6"
tags.`a.b-c d/e:f` LIKE '%hi%'
metrics.`a.b-c d/e:f` >= 0.5
metrics.`точность` = 0.5
tags.`ключ` = 'значение'
tags.`case` LIKE 'ÄÖÜ'
params.quote = "it's"
params.percent LIKE '100%'
params.percent LIKE '100__x'
params.model LIKE 'gpt%'
params.model LIKE 'GPT-_'
params.model IS NOT NULL AND params.lr IS NULL AND metrics.m > 0
tags.test IS NULL AND tags.s.release IS NULL AND metrics.m > 0
tags.test IS NOT NULL
attributes.run_id IN ("{id0}", "{id2}")
params.1st_iteration_timestamp = "2022-01-01"
"""
"""The language beyond the examples; the guide calls the last two wrong, and MLflow takes them."""

_ORDERS = (
    (),
    ("metrics.accuracy DESC",),
    ("metrics.m DESC",),
    ("metrics.rmse",),
    ("metrics.m ASC",),
    ("params.model", "metrics.accuracy DESC"),
    ("params.input DESC", "metrics.alpha ASC", "metrics.rmse"),
    ("metrics.alpha", "attributes.start_time ASC"),
    ("attributes.start_time ASC",),
    ("start_time DESC",),
    ("attributes.end_time",),
    ("attributes.status", "attributes.start_time DESC"),
    ("attributes.run_name DESC",),
    ("tags.`s.release` DESC",),
    ('metrics."f1 score" desc',),
    ("metrics.`a.b-c d/e:f`",),
)


def _lines(text: str, *, error: bool = False) -> list[Case]:
    return [Case(line, error=error) for line in text.strip().splitlines()]


_QUOTES = "the guide: single quotes are not valid for enclosing field names; MLflow takes them all the same"
_TEXT = "MLflow keeps every param as text; here 2, 2.0 and '2' are one number, and true is 'true' in any case"
_NONE = "MLflow keeps None as the text 'None'; here there is no value, as the guide's \"Non-None Queries\" have it"
_NAN = "not in the guide; MLflow sorts NaN before what has no value, here NaN is no value to sort by"
_MORE = "not in MLflow's language"

DIFFERENT = (
    Case("tag.'test' = 'abc'", differs=_QUOTES),
    Case(
        "params.model = 'CNN' and params.layers = '10' and metrics.'prediction accuracy' >= 0.945", differs=_QUOTES
    ),  # of MLflow 1.2's page
    Case("tags.task != 'regression'", differs=_NONE, ours=(2, 0)),
    Case("params.model LIKE '%n%' AND metrics.loss > 0", differs=_NONE, ours=()),
    Case("params.batch_size = '2.0'", differs=_TEXT, ours=(4, 3, 2, 1, 0)),
    Case("params.flag = 'true'", differs=_TEXT, ours=(13,)),
    Case(
        "params.lr IS NOT NULL",
        ("params.lr",),
        differs=f"{_TEXT}, and numbers are sorted by size",
        ours=(10, 14, 13, 11),
    ),
    Case("", ("metrics.loss",), differs=_NAN, ours=(9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 14, 13, 12, 11, 10)),
    Case("", ("metrics.loss DESC",), differs=_NAN, ours=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 13, 12, 11, 10)),
    Case("status = 'failed'", differs="a status is a word in any case", ours=(7,)),
    Case("run_id = '{id5:.9}'", differs="the first digits of an id name the run", ours=(5,)),
    Case("attributes.user_id ILIKE 'ада'", differs="SQLite's lower() knows the letters of ASCII alone", ours=(14,)),
    Case(
        "datasets.name NOT IN ('custom')",
        differs="not in the guide; here NOT IN is the opposite of IN, also for a run with two datasets",
        ours=(9, 8, 7, 6, 5),
    ),
    Case("metrics.cross-entropy-loss < 0.5", differs=f"{_MORE}: dashes without backticks", ours=(10,)),
    Case("metrics.loss <= 0.15 OR metrics.m > 2", differs=f"{_MORE}: OR", ours=(13, 11, 9)),
    Case("NOT (status = 'FINISHED')", differs=f"{_MORE}: NOT", ours=(11, 7)),
    Case("metrics.loss BETWEEN 0.55 AND 0.75", differs=f"{_MORE}: BETWEEN", ours=(4, 3)),
    Case("params.model IN ('GPT-2', 'GPT-4')", differs=f"{_MORE}: IN on params", ours=(3, 0)),
    Case("params.batch_size = 2", differs=f"{_MORE}: numbers without quotes", ours=(4, 3, 2, 1, 0)),
    Case("params.batch_size > 2", differs=f"{_MORE}: params in order", ours=(9, 8, 7, 6, 5)),
    Case("params.model REGEXP '^GPT-[34]$'", differs=f"{_MORE}: REGEXP", ours=(3, 1)),
    Case("metrics.m IS NULL AND metrics.rmse IS NOT NULL", differs=f"{_MORE}: IS NULL on metrics", ours=()),
    Case("max(metrics.m) > 8 AND metrics.m < 3", differs=f"{_MORE}: aggregates", ours=(11,)),
    Case("duration > 4s", differs=f"{_MORE}: durations", ours=(11,)),
    Case("start_time < '2022-09-25 01:04:12'", differs=f"{_MORE}: dates", ours=(2, 1, 0)),
)
"""What gtrack answers otherwise, and why."""

CASES = (
    *_lines(_GUIDE),
    Case(_COMPLEX),
    *_lines(_REFUSED, error=True),
    *_lines(_FURTHER),
    *(Case("", order) for order in _ORDERS),
    *DIFFERENT,
)
