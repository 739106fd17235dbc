"""The filter language, example by example: what each filter finds, and what a wrong one is told."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from gtrack.errors import UsageError
from gtrack.index.filter import And, Compare, Field, IsNull, Not, fields, parse
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary, merge

NOW = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z
HOUR = 3_600_000_000


def series(*values: float) -> MetricSummary:
    return merge(MetricSummary.point(value, step, NOW + step) for step, value in enumerate(values))


RUN = RunState(
    id="3f2a9c1d7b6e4a508c2f9e0d1a7b3c55",
    name="churn-lgbm-lr0.05",
    experiment="churn",
    status="finished",
    started=NOW - 26 * HOUR,
    ended=NOW - 24 * HOUR,
    author="Ada L <ada@example.org>",
    params={
        "lr": 0.1,
        "depth": 6,
        "optimizer": "adam",
        "model": {"depth": 6, "kind.of": "tree"},
        "flat.key": "x",
        "flat": {"key": "y"},
        "imported": "1e-3",
        "six": "6",
        "flag": True,
        "layers": [64, 32],
        "nothing": None,
        "a b": "spaced",
        "bad": math.nan,
        "100%": "it's",
    },
    tags={"purpose": "search", "stage": "True"},
    metrics={
        "loss": series(0.9, 0.2, 0.4),
        "train/acc@5": series(0.5),
        "diverged": series(1.0, math.nan),
        "big": series(math.inf),
    },
    code={"commit": "a8efc89176b6239bbb505d62d51957fc76ffce0f", "branch": "main", "dirty": True, "cwd": "train"},
    environment={"host": "node7", "packages": {"numpy": "2.4.6"}},
    error={"type": "RuntimeError", "cause": "oom"},
    data=({"name": "train.csv", "role": "train"}, {"name": "test.csv", "role": "test"}, "odd"),
)


def finds(text: str, run: RunState = RUN) -> bool:
    return parse(text).matches(run, now_us=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "params.lr = 0.1",
        "params.lr = '0.1'",
        "params.lr = '0.10'",
        "params.depth = 6",
        "params.depth = 6.0",
        'params.depth = "6"',
        "params.depth = '6.0'",
        "params.six = 6 AND params.six = 6.0 AND params.six = '6' AND params.six = \"6\"",
        "params.imported = 0.001",
        "params.imported < 0.01",
        "params.imported = '1e-3'",
        "params.lr > '0.05'",
        "params.model.depth = 6",
        "params.`model.depth` = 6",
        "params.model.kind.of = 'tree'",
        "params.flat.key = 'x'",
        'params.model = \'{"depth": 6, "kind.of": "tree"}\'',
        "params.layers = '[64, 32]'",
        "params.flag = true",
        "params.flag = 'True'",
        "tags.stage = true",
        "params.`a b` = 'spaced'",
        'params."a b" = "spaced"',
        "params.`100%` = 'it''s'",
        "params.bad = nan",
        "params.bad != 1",
        "params.optimizer > 'aa'",
        "params.optimizer != 6",
        "params.optimizer NOT IN ('sgd', 'lion')",
        "params.depth IN (1, '6')",
        "params.depth BETWEEN 6 AND 8",
        "NOT params.depth BETWEEN 7 AND 8",
        "params.nothing IS NULL",
        "params.missing IS NULL",
        "params.missing = null",
        "params.lr IS NOT NULL and params.lr != None",
        "params.lr LIKE '0._'",
        "params.flag ILIKE 'TRUE'",
        "params.optimizer REGEXP '^a.*m$'",
        "params.optimizer =~ 'da'",
        "params.optimizer !=~ 'sgd|lion'",
    ],
)
def test_a_param_is_found(text: str) -> None:
    assert finds(text)


@pytest.mark.parametrize(
    "text",
    [
        "params.missing = 1",
        "params.missing != 1",
        "NOT params.missing = 1",
        "params.missing NOT IN (1)",
        "params.missing NOT LIKE 'a'",
        "params.missing = 1 OR params.missing != 1",
        "params.nothing != 'None'",
        "params.optimizer > 1",
        "NOT params.optimizer > 1",
        "params.optimizer BETWEEN 1 AND 2",
        "params.flag = 1",
        "params.flag > 0",
        "params.depth = '06x'",
        "params.optimizer = 'Adam'",
        "params.optimizer LIKE 'a'",
        "params.optimizer LIKE 'A%'",
        "params.bad > 0",
        "NOT params.bad > 0",
        "params.bad = 1",
        "params.flat.key = 'y'",
        "params.model.depth.more = 1",
    ],
)
def test_a_param_is_not_found(text: str) -> None:
    assert not finds(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("metrics.loss = 0.4", True),
        ("metrics.loss = '0.4'", True),
        ("metric.loss < .5", True),
        ("last(metrics.loss) = 0.4", True),
        ("min(metrics.loss) = 0.2", True),
        ("MAX(metric.loss) >= 0.9", True),
        ("argmin(metrics.loss) = 1", True),
        ("count(metrics.loss) = 3", True),
        ("step(metrics.loss) = 2", True),
        ("first_step(metrics.loss) = 0", True),
        ("best(metrics.loss) > 0", False),  # no goal, no best
        ("best(metrics.loss) IS NULL", True),
        ("metrics.train/acc@5 = 0.5", True),
        ("metrics.diverged = nan", True),
        ("metrics.diverged = 1", False),
        ("metrics.diverged > 0", False),
        ("NOT metrics.diverged > 0", False),
        ("nan(metrics.diverged) = 1", True),
        ("metrics.big = inf", True),
        ("metrics.big > 1e300", True),
        ("metrics.missing IS NULL", True),
        ("metrics.missing < 1 OR metrics.loss < 1", True),
        ("metrics.missing < 1 AND metrics.loss < 1", False),
    ],
)
def test_metrics_and_their_aggregates(text: str, found: bool) -> None:
    assert finds(text) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("status = 'finished'", True),
        ("attributes.status = 'FINISHED'", True),
        ("status LIKE 'FIN%'", True),
        ("status IN ('FAILED', 'Killed')", False),
        ("name LIKE 'churn-%'", True),
        ("run.name = 'churn-lgbm-lr0.05'", True),
        ("attributes.`Run name` = 'churn-lgbm-lr0.05'", True),
        ("id = '3f2a9c1d7b6e4a508c2f9e0d1a7b3c55'", True),
        ("run_id = '3F2A9C1'", True),
        ("id != '3f2a'", False),
        ("id = '3f2'", False),  # too short for the first digits of an id
        ("commit = 'a8efc89'", True),
        ("code.commit = 'A8EF' AND code.dirty != false", True),
        ("code.dirty = false", False),
        ("tags.mlflow.runName LIKE 'churn%' AND tags.`mlflow.user` LIKE 'Ada%'", True),
        ("code.commit IN ('b1b1b1b', 'a8efc89')", True),
        ("code.dirty = true", True),
        ("dirty = 'false' OR dirty = 0", False),
        ("code.cwd = 'train'", True),
        ("branch = 'main' AND host = 'node7'", True),
        ("parent IS NULL AND `group` IS NULL", True),
        ("author LIKE '%ada@%' AND user_id = author", None),
        ("environment.packages.numpy LIKE '2.%' AND env.host = 'node7'", True),
        ("error.cause = 'oom'", True),
        ("seed.python IS NULL", True),
        ("live = false AND deleted = false", True),
        ("datasets.name = 'test.csv'", True),
        ("datasets.name != 'test.csv'", True),  # another one is not
        ("NOT datasets.name = 'test.csv'", False),
        ("dataset.context IN ('validation')", False),
        ("datasets.digest IS NULL", True),
    ],
)
def test_attributes_and_what_was_recorded_around_a_run(text: str, found: bool | None) -> None:
    if found is None:
        with pytest.raises(UsageError, match="expected text in quotes: 'author'"):
            parse(text)
    else:
        assert finds(text) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("started = '2026-11-17'", True),
        ("started > '2026-11-17'", False),  # a date is the whole day
        ("started <= '2026-11-17'", True),
        ("started < '2026-11-17'", False),
        ("started >= 2026-11-17", True),
        ("started BETWEEN '2026-11-16' AND '2026-11-17'", True),
        ("started = '2026-11-17 09:06'", True),
        ("started = '2026-11-17T09:06:40Z'", True),
        ("started = '2026-11-17T09:06:40.000001Z'", False),
        ("started = '2026-11-17T10:06:40+01:00'", True),
        ("started = '2026-11-17 09:07'", False),
        ("attributes.start_time = 1794911200000", False),
        (f"attributes.start_time = {(NOW - 26 * HOUR) // 1000}", True),
        (f"attributes.created > {(NOW - 26 * HOUR) // 1000}", False),
        ("started > -27h", True),
        ("started > '-1d2h1m'", True),
        ("started > -25h", False),
        ("started > '2 weeks ago' AND started < '1 day ago'", True),
        ("started < now", True),
        ("ended <= '1 day ago'", True),
        ("duration = 7200", True),
        ("duration > '1h' AND NOT duration > '3h'", True),
        ("duration = 2h AND duration = '2 hours' AND duration < 2h1s", True),
        ("duration BETWEEN 90m AND 7200.5", True),
    ],
)
def test_times_ages_and_durations(text: str, found: bool) -> None:
    assert finds(text) is found


def test_a_run_that_has_not_started_matches_no_time() -> None:
    run = RunState("0" * 32, "n", "e", "running")
    assert finds("started IS NULL AND duration IS NULL", run)
    assert not finds("started < now OR NOT started < now", run)


def test_and_binds_closer_than_or_and_not_closer_than_both() -> None:
    assert str(parse("NOT status='a' AND name='b' OR name='c'")) == "NOT status = 'a' AND name = 'b' OR name = 'c'"
    assert parse("name='a' OR name='b' AND name='c'") == parse("name='a' OR (name='b' AND name='c')")
    assert str(parse("(name='a' or name='b') and not (name='c' and name='d')")) == (
        "(name = 'a' OR name = 'b') AND NOT (name = 'c' AND name = 'd')"
    )


def test_a_filter_is_a_tree_whose_fields_are_known() -> None:
    tree = parse("metric.loss < 1 AND NOT params.lr IS NULL")
    loss, lr = Field("metrics", "loss"), Field("params", "lr")
    assert tree == And((Compare(loss, "<", 1), Not(IsNull(lr))))
    assert fields(tree) == {loss, lr}


# https://mlflow.org/docs/latest/ml/search/search-runs: the runs that its script makes, and every filter it shows.
MLFLOW_RUNS = [
    RunState(
        id=f"{i:032x}",
        name=f"run-{i}",
        experiment="search-run-guide",
        status="finished" if i else "failed",
        started=1_664_067_852_747_000 + i,
        ended=1_664_067_852_747_000 + i,
        params={
            "batch_size": 2 if i < 5 else 4,
            "learning rate": (0.001, 0.01)[i % 2],
            "model": ("GPT-2", "GPT-3", "GPT-3.5", "GPT-4", *[None] * 6)[i],
        },
        tags={
            "task": ("classification", "regression", "causal lm", *[None] * 7)[i],
            "environment": "notebook" if i < 5 else None,
        },
        metrics={
            "loss": series(1 - 0.1 * i),
            "accuracy": series(0.1 * i),
            "log-scale-loss": series(math.log(1 - 0.1 * i)),
            "f1 score": series(0.1 * i),
        },
        data=(
            {
                "name": "custom" if i < 5 else "also custom",
                "digest": ("s8ds293b", "jks834s2", *[None] * 8)[i],
                "role": "train" if i < 5 else "test",
            },
        ),
    )
    for i in range(10)
]
FIRST, SECOND = f"{0:032x}", f"{1:032x}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("metrics.loss > 0.8", "01"),
        ("metrics.accuracy > 0.72", "89"),
        ("metrics.loss <= 0.15", "9"),
        ("metrics.accuracy != 0.15", "0123456789"),
        ('params.model = "GPT-4o"', ""),
        ('params.model LIKE "GPT%"', "0123"),
        ('params.model ILIKE "gpt%"', "0123"),
        ("datasets.name IN ('custom', 'also custom', 'another custom name')", "0123456789"),
        ("datasets.digest IN ('s8ds293b', 'jks834s2')", "01"),
        ("attributes.run_id IN ('5984a3488161440f92de9847e846b342')", ""),
        (f"attributes.run_id IN ('{FIRST}', '{SECOND}')", "01"),
        ('metrics."accuracy" > 0.72', "89"),
        ("metrics.`log-scale-loss` <= 0", "0123456789"),
        ("metrics.`f1 score` >= 0.5", "56789"),
        ("metrics.accuracy > 0.72 AND metrics.loss <= 0.15", "9"),
        ('params.batch_size = "2"', "01234"),
        ('params.model ILIKE "gPt%"', "0123"),
        ('params.model LIKE "GPT%" AND params.batch_size = "2"', "0123"),
        ('tags."environment" = "notebook"', "01234"),
        ('tags.environment = "notebook"', "01234"),
        ('tags.task = "Classification"', ""),
        ('tags.task ILIKE "classif%"', "0"),
        ('datasets.name LIKE "custom"', "01234"),
        ('datasets.context = "train"', "01234"),
        ("datasets.name IN ('custom', 'also custom')", "0123456789"),
        ('attributes.status = "ACTIVE"', ""),
        ('attributes.status = "FAILED"', "0"),
        ('attributes.user_id LIKE "user1"', ""),
        ('attributes.run_name = "my-run"', ""),
        ('attributes.run_id = "a1b2c3d4"', ""),
        ("attributes.run_id IN ('a1b2c3d4', 'e5f6g7h8')", ""),
        ("attributes.start_time >= 1664067852747", "0123456789"),
        ("attributes.end_time < 1664067852747", ""),
        ("attributes.created > 1664067852747", ""),
        ("metrics.accuracy > 0.72 AND metrics.batch_size != 0", ""),
        ("metrics.accuracy > 0.72 AND metrics.batch_size != 0 AND attributes.run_id IN ('a1b2c3d4', 'e5f6g7h8')", ""),
        ("metrics.loss <= 0.25 AND metrics.loss >= 0.1", "8"),  # 1 - 0.9 is a little less than 0.1
        ('params.batch_size != "None"', "0123456789"),
        (
            f"\nattributes.run_id IN ('{FIRST}','{SECOND}')\n  AND metrics.loss > 0.3\n"
            '  AND metrics."f1 score" < 0.5\n  AND params.model LIKE "GPT%"\n',
            "01",
        ),
        ("params.model = 'GPT-4'", "3"),
        ("metrics.rmse < 0.9 and tags.production = 'true'", ""),
        ("metrics.accuracy_score < 99.90", ""),
        ('params.model = "LogisticRegression" and params.lambda = "0.001" and metrics.error <= 0.05', ""),
        ("metrics.`cross-entropy-loss` < 0.5", ""),
        ('params.`1st_iteration_timestamp` = "2022-01-01"', ""),
        ("tag.`test` = 'abc'", ""),
        ('tag.`test` = "abc"', ""),
    ],
)
def test_an_example_of_mlflows_documentation_finds_what_it_finds_there(text: str, found: str) -> None:
    assert "".join(str(i) for i, run in enumerate(MLFLOW_RUNS) if finds(text, run)) == found


WRONG = [
    ("", 0, "the filter is empty"),
    ("metrics.loss >", 15, "expected a value: a number, or text in quotes, found the end"),
    ("metrics.loss > 'abc'", 16, "metrics.loss: expected a number, found 'abc'"),
    ('metrics.accuracy != "None"', 21, "expected a number"),
    ("metic.loss > 1", 1, "unknown field metic.loss; did you mean metrics.loss?"),
    ("model.depth > 3", 1, "did you mean metrics.model.depth or params.model.depth?"),
    ("val_auc > 0.9", 1, "did you mean metrics.val_auc or params.val_auc?"),
    ("statsu = 'x'", 1, "did you mean status, metrics.statsu or params.statsu?"),
    ("attributes.strated = 'x'", 1, "unknown attribute attributes.strated; did you mean started?"),
    ("datasets.size = 1", 1, "did you mean datasets.name"),
    ("status = finished", 10, "status: expected text in quotes: 'finished'"),
    ("params.lr = adam", 13, "expected a number, or text in quotes: 'adam'"),
    ("tag.`test` = abc", 14, "in quotes: 'abc'"),
    ("tag.`test` = `abc`", 14, "expected a value"),
    ("tag.'test' = 'abc'", 4, "expected a key after the dot"),
    ("params. = 1", 7, "expected a key after the dot"),
    ("params.`` = 1", 1, "empty key"),
    ("params.x = 'abc", 12, "the ' that opens here is never closed"),
    ("(status = 'x'", 1, "the ( that opens here is never closed"),
    (
        "name = 'y' AND (status = 'x' OR",
        32,
        "expected a field such as metrics.loss, params.lr or status, found the end",
    ),
    ("name = 'y' AND (status = 'x' name", 30, "expected AND, OR or ), found 'name'"),
    ("status = 'x')", 13, "the ) closes nothing; expected AND, OR or the end"),
    ("status = 'a' status = 'b'", 14, "expected AND, OR or the end, found 'status'"),
    ("status = 'a'; DROP TABLE run", 13, "found ';'"),
    ("status = 'a' -- AND", 14, "found '--'"),
    ("params.x NOT 1", 14, "expected IN LIKE ILIKE REGEXP or BETWEEN, found '1'"),
    ("params.x IS 1", 13, "expected NULL"),
    ("params.x < null", 12, "use params.x IS NULL or IS NOT NULL"),
    ("params.x IN (1, null)", 17, "use params.x IS NULL"),
    ("params.x IN ()", 14, "expected a value"),
    ("params.x IN (.5", 16, "expected a comma or ), found the end"),
    ("dirty > true", 7, "true and false have no order"),
    ("dirty = 'maybe'", 9, "expected true or false, found 'maybe'"),
    ("started > 7d", 11, "-7d is 7d ago"),
    ("started > '2026-13-01'", 11, "expected a time such as '2026-11-01'"),
    ("started > 99999999999999999999", 11, "between the years 1 and 9999"),
    ("duration < 'long'", 12, "expected seconds, or a duration such as 90s or 2h"),
    ("metrics.loss LIKE '0%'", 14, "metrics.loss is a number, not text"),
    ("started REGEXP '2026'", 9, "started is a time, not text"),
    ("name LIKE 5", 11, "expected a pattern in quotes"),
    ("name REGEXP '(a'", 13, "the pattern has a '(' that nothing closes"),
    ("name REGEXP '(?i)a'", 13, "groups that begin with (? are not supported"),
    ("mean(metrics.loss) > 1", 1, "unknown function mean; there are last, min, max"),
    ("min(params.lr) > 1", 5, "min() is of a metric"),
    ("metrics.loss + 1 > 2", 14, "expected an operator"),
    ("params.\0 = 1", 8, "is not text"),
    ("`\x1b[2J` = 1", 1, "unknown field `\\x1b[2J`"),
    ("params.x = '\udcff'", 13, "is not text"),
]


@pytest.mark.parametrize(("text", "column", "message"), WRONG)
def test_a_wrong_filter_is_told_the_place_and_what_was_expected(text: str, column: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.exit_code == 2
    assert caught.value.hint == "gtrack ls --help"
    if column:
        head, shown, caret = caught.value.message.split("\n")
        assert head.startswith(f"the filter, column {column}: ")
        assert shown[2:4] == text[:2].replace("\x1b", "?")
        assert caret == " " * (column + 1) + "^"


def test_the_place_in_a_long_or_many_line_filter_stays_on_the_screen() -> None:
    with pytest.raises(UsageError, match="line 2, column 19") as caught:
        parse("status = 'a'\n AND\tmetrics.x >= 'b\x1b'")
    assert caught.value.message.splitlines()[1:] == ["   AND?metrics.x >= 'b?'", " " * 20 + "^"]
    assert "\x1b" not in caught.value.message
    with pytest.raises(UsageError, match="column 2014") as caught:
        parse(f"params.x in ({'1,' * 1000}1, 1)")
    assert max(map(len, caught.value.message.splitlines())) < 80
    shown, caret = caught.value.message.splitlines()[1:]
    assert shown[caret.index("^")] == "1"


def test_sizes_are_bounded() -> None:
    condition = "status = 'a'"
    assert parse(f"{'(' * 4000}{condition}{')' * 4000}") == parse(condition)
    assert parse(" OR ".join([condition] * 600))
    assert parse("NOT " * 49 + condition)
    assert parse(f"params.x IN ({', '.join(['1'] * 1000)})")
    for text, message in (
        ("NOT " * 50 + condition, "conditions nest deeper here than 50, which is the most"),
        ("NOT " * 2400 + condition, "nest deeper"),
        (f"{'NOT (' * 1000}{condition}{')' * 1000}", "nest deeper"),
        (f"{'(' * 60}{condition}{f' OR {condition} AND {condition})' * 60}", "nest deeper"),
        (condition + " " * 10_000, "10,000 is the most"),
        ("x" * 1_000_000, "10,000 is the most"),
        (f"params.x IN ({', '.join(['1'] * 1001)})", "1,000 is the most"),
        (f"name REGEXP '{'a' * 501}'", "500 is the most"),
        (f"name LIKE '{'a' * 1001}'", "1,000 is the most"),
        ("name REGEXP '(((a{99}){99}){99}){99}'", "repeats too much"),
        ("name REGEXP '(((){99}){99}){99}'", "repeats too much"),
        ("name REGEXP '" + "(" * 40 + ")" * 40 + "'", "nests more than 30"),
        (f"params.x > {'9' * 5000}", "in quotes"),
    ):
        with pytest.raises(UsageError, match=message):
            parse(text)


def test_no_pattern_is_slow() -> None:
    run = RunState("0" * 32, "a" * 4000 + "!", "e", "running", params={"long": "a" * 5000})
    assert not finds("name REGEXP '^(a+)+$'", run)  # with Python's re this alone would outlast the universe
    assert not finds("name REGEXP '(.*)(.*)(.*)(.*)(.*)x'", run)
    assert not finds("name REGEXP '^(a|a|aa)*b'", run)
    assert not finds(f"name LIKE '{'%a' * 400}%b'", run)
    assert not finds("params.long REGEXP 'a' OR params.long NOT REGEXP 'a'", run)


def test_reading_a_filter_loads_nothing_else() -> None:
    code = (
        "import sys, gtrack.index.filter as f; before = set(sys.modules); "
        "f.parse('metrics.val_auc > 0.88 AND params.depth = 6'); more = set(sys.modules) - before; "
        "ours = {'gtrack.text', *(f'gtrack.index.{name}' for name in ('grammar', 'tokens', 'caret'))}; "
        "assert more <= ours, more; "
        "heavy = {'pyarrow', 'dulwich', 'numpy', 'yaml', 'click', 'lark', 'json', 'difflib'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
