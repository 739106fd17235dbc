"""Wrong use: ``start_run`` says what is wrong, and a log call never raises, whatever it is given."""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_world import World

import gtrack
from gtrack import errors


@pytest.fixture
def repo(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository that this very process works in."""
    path = world.repository(world.root / "repo")
    monkeypatch.chdir(path)
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, world.env[name])
    monkeypatch.setenv("GTRACK_CODE", "off")
    yield path
    while gtrack.active_run() is not None:
        gtrack.end_run()


class Raising:
    """Its number cannot be had."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __float__(self) -> float:
        raise self.error


class UnspeakableError(Exception):
    """Not even its text can be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Tensor:
    """Like torch's: a number when it has one element."""

    def __init__(self, *items: float) -> None:
        self.items = items

    def __float__(self) -> float:
        if len(self.items) != 1:
            raise RuntimeError(f"a Tensor with {len(self.items)} elements cannot be converted to Scalar")
        return self.items[0]

    def item(self) -> float:
        return float(self)


class LyingFloat:
    """Its number is none."""

    def __float__(self) -> float:
        return "1.0"  # type: ignore[return-value]


class Nameless(str):
    """A name that cannot be looked up."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError("no hash")


GOOD: dict[str, tuple[object, float]] = {
    "int": (3, 3.0),
    "bool": (True, 1.0),
    "nan": (math.nan, math.nan),
    "infinity": (-math.inf, -math.inf),
    "tiny": (5e-324, 5e-324),
    "large int": (10**300, 1e300),
    "Decimal": (decimal.Decimal("0.25"), 0.25),
    "Fraction": (fractions.Fraction(1, 4), 0.25),
    "numpy float": (np.float32(0.5), 0.5),
    "numpy int": (np.int64(7), 7.0),
    "numpy scalar array": (np.array(2.5), 2.5),
    "tensor of one": (Tensor(0.125), 0.125),
}

BAD: dict[str, object] = {
    "text": "high",
    "text of a number": "0.5",
    "bytes of a number": b"0.5",
    "buffer of a number": memoryview(b"0.5"),
    "None": None,
    "complex": 1j,
    "object": object(),
    "class": float,
    "raises ValueError": Raising(ValueError("no")),
    "raises OSError": Raising(OSError(28, "No space left on device")),
    "raises the unspeakable": Raising(UnspeakableError()),
    "lies": LyingFloat(),
    "too large an int": 10**400,
    "list": [1.0],
    "tuple": (1.0, 2.0),
    "dict": {},
    "set": {1.0},
    "array": np.array([1.0, 2.0]),
    "empty array": np.array([]),
    "array of text": np.array("0.5x"),
    "tensor of two": Tensor(1.0, 2.0),
    "date": datetime.date(2026, 1, 1),
    "function": len,
}


@pytest.mark.parametrize("how", ["log_metric", "log", "fluent"])
def test_a_value_that_is_no_number_is_counted_and_told_once_and_never_raises(
    repo: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    run = gtrack.start_run(experiment="odd")
    for _ in range(2):
        for key, value in {**{k: v for k, (v, _) in GOOD.items()}, **BAD}.items():
            if how == "log_metric":
                run.log_metric(key, value)  # type: ignore[arg-type]
            elif how == "log":
                run.log({key: value, "beside": 1.0})  # type: ignore[dict-item]
            else:
                gtrack.log_metric(key, value)  # type: ignore[arg-type]
    run.end()
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    bad = BAD if how != "log" else {key: value for key, value in BAD.items() if key != "dict"}
    assert len(warnings) == len(bad)
    for key in bad:
        assert len([line for line in warnings if repr(key) in line]) == 1, key
    found = gtrack.Repo(str(repo)).run(run.id)
    assert found.state.rejected == dict.fromkeys(bad, 2)
    for key, (_, number) in GOOD.items():
        assert found.summary[key].count == 2
        assert found.metrics[key] == pytest.approx(number, nan_ok=True)
    if how == "log":
        # What is good beside something bad is kept.
        assert found.summary["beside"].count == 2 * (len(GOOD) + len(BAD))


KEYS: dict[str, tuple[object, str]] = {
    "None": (None, "?"),
    "number": (3, "?"),
    "bytes": (b"loss", "?"),
    "list": (["loss"], "?"),
    "text that cannot be looked up": (Nameless("loss"), "loss"),
    "empty": ("", "?"),
    "513 bytes": ("k" * 513, "k" * 100),
    "513 bytes of two": ("ü" * 257, "ü" * 100),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_name_that_cannot_be_is_refused(repo: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    key, counted = KEYS[name]
    run = gtrack.start_run(experiment="odd")
    for _ in range(3):
        run.log_metric(key, 1.0)  # type: ignore[arg-type]
    hashable = name not in ("list", "text that cannot be looked up")
    if hashable:
        run.log({key: 1.0, "good": 1.0})  # type: ignore[dict-item]
    run.end()
    assert capsys.readouterr().err.count("warning") == 1
    found = gtrack.Repo(str(repo)).run(run.id)
    assert found.state.rejected == {counted: 4 if hashable else 3}
    assert set(found.metrics) == ({"good"} if hashable else set())


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("k" * 512, "k" * 512),
        ("ü" * 256, "ü" * 256),
        ("val/auc @ 5 %", "val/auc @ 5 %"),
        ("line\nbreak\x00\x1b[31m", "line\nbreak\x00\x1b[31m"),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("<script>", "<script>"),
        (": - # {", ": - # {"),
        ("\u2028\u0085\ufeff", "\u2028\u0085\ufeff"),
        ("null", "null"),
    ],
    ids=range(10),
)
def test_a_name_that_can_be_is_kept_as_it_is(repo: Path, key: str, shown: str) -> None:
    run = gtrack.start_run(experiment="odd")
    run.log_metric(key, 1.0)
    run.log({key: 2.0})
    run.end()
    found = gtrack.Repo(str(repo)).run(run.id)
    assert found.metrics == {shown: 2.0}
    assert found.curves([shown]).column("value").to_pylist() == [1.0, 2.0]


STEPS: dict[str, tuple[object, int | None]] = {
    "none": (None, 0),
    "zero": (0, 0),
    "negative": (-5, -5),
    "bool": (True, 1),
    "whole float": (1.0, 1),
    "numpy int": (np.int32(4), 4),
    "numpy whole float": (np.float64(4.0), 4),
    "largest": (2**63 - 2, 2**63 - 2),
    "smallest": (-(2**63), -(2**63)),
    "half": (1.5, None),
    "text": ("3", None),
    "nan": (math.nan, None),
    "infinity": (math.inf, None),
    "too large": (2**63, None),
    "too small": (-(2**63) - 1, None),
    "huge": (10**400, None),
    "complex": (1j, None),
    "list": ([1], None),
    "array": (np.array([1, 2]), None),
    "object": (object(), None),
    "raises": (Raising(UnspeakableError()), None),
}


@pytest.mark.parametrize("log", ["log_metric", "log"])
def test_a_step_is_a_whole_number_of_64_bits_or_refused(
    repo: Path, capsys: pytest.CaptureFixture[str], log: str
) -> None:
    run = gtrack.start_run(experiment="odd")
    for key, (step, _) in STEPS.items():
        if log == "log":
            run.log({key: 1.0}, step=step)  # type: ignore[arg-type]
        else:
            run.log_metric(key, 1.0, step=step)  # type: ignore[arg-type]
    run.end()
    refused = {key: 1 for key, (_, kept) in STEPS.items() if kept is None}
    assert capsys.readouterr().err.count("warning") == len(refused)
    found = gtrack.Repo(str(repo)).run(run.id)
    assert found.state.rejected == refused
    assert {key: s.step for key, s in found.summary.items()} == {k: s for k, (_, s) in STEPS.items() if s is not None}


class Unreadable(Mapping[str, float]):
    """A map whose content cannot be had."""

    def __getitem__(self, key: str) -> float:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 1


def _within_itself() -> dict[str, Any]:
    inner: dict[str, Any] = {}
    inner["again"] = inner
    return inner


@pytest.mark.parametrize(
    "metrics",
    [None, 3, "loss", ["loss"], [("loss", 1.0)], Unreadable(), _within_itself()],
    ids=["None", "number", "text", "list", "pairs", "unreadable", "within itself"],
)
def test_what_is_no_map_of_metrics_is_told_and_never_raises(
    repo: Path, capsys: pytest.CaptureFixture[str], metrics: object
) -> None:
    run = gtrack.start_run(experiment="odd")
    run.log(metrics)  # type: ignore[arg-type]
    run.log_metrics(metrics)  # type: ignore[arg-type]
    run.log_params(metrics)  # type: ignore[arg-type]
    run.set_tags(metrics)  # type: ignore[arg-type]
    run.note(metrics)  # type: ignore[arg-type]
    run.log_param("p", metrics)
    run.set_tag("t", metrics)
    run.log({"after": 1.0})
    run.end()
    assert "warning" in capsys.readouterr().err
    found = gtrack.Repo(str(repo)).run(run.id)
    assert found.metrics["after"] == 1.0
    assert found.status == "finished"


@pytest.mark.parametrize(
    "call",
    [
        lambda run: run.log_metric("k", "text"),
        lambda run: run.log({"k": None}),
        lambda run: run.log_metric("k", 1.0, step=1.5),
        lambda run: run.log_metric("", 1.0),
        lambda run: run.log("k"),
    ],
    ids=["text", "None", "step", "name", "no map"],
)
def test_strictness_raises_where_a_value_would_be_refused(
    repo: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[gtrack.Run], None]
) -> None:
    monkeypatch.setenv("GTRACK_STRICT", "1")
    run = gtrack.start_run(experiment="odd")
    with pytest.raises(errors.UsageError, match="was not logged"):
        call(run)
    run.log({"k": 1.0})
    run.end()
    assert gtrack.Repo(str(repo)).run(run.id).metrics["k"] == 1.0
    with pytest.raises(errors.UsageError, match="has ended"):
        run.log({"k": 1.0})


anything = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.floats(),
    st.integers(),
    st.complex_numbers(),
    st.decimals(),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([*BAD.values(), *[value for value, _ in GOOD.values()], Unreadable()]),
)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A journal, and the list of what it told of trouble."""
    from gtrack.spool.journal import Journal

    told: list[Exception] = []
    path = tmp_path_factory.mktemp("journal") / "a.journal"
    out = Journal(str(path), on_trouble=lambda key, error: told.append(error))
    yield out, told
    out.close()


@given(key=anything, value=anything, step=anything)
@settings(max_examples=150, deadline=None)
def test_whatever_is_logged_is_either_one_value_more_or_one_trouble_told(
    journal: Any, key: Any, value: Any, step: Any
) -> None:
    from gtrack.spool.reading import read_journal

    out, told = journal
    before, troubles = read_journal(out.path), len(told)
    out.append(key, value, step)
    after = read_journal(out.path)
    assert len(after.points) - len(before.points) + len(told) - troubles == 1
    assert sum(after.rejected.values()) - sum(before.rejected.values()) == len(told) - troubles


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "name is a number": (lambda: gtrack.start_run(3), "name is 3"),  # type: ignore[arg-type]
    "name is empty": (lambda: gtrack.start_run(" "), "name is ' '"),
    "name is long": (lambda: gtrack.start_run("n" * 513), "name is longer than 512 bytes"),
    "experiment is a list": (lambda: gtrack.start_run(experiment=["a"]), r"experiment is \['a'\]"),  # type: ignore[arg-type]
    "group is a number": (lambda: gtrack.start_run(group=3), "group is 3"),  # type: ignore[arg-type]
    "params are a list": (lambda: gtrack.start_run(params=[1]), "params is a list"),  # type: ignore[arg-type]
    "params are a text": (lambda: gtrack.start_run(params="lr"), "params is a str"),  # type: ignore[arg-type]
    "tags are a set": (lambda: gtrack.start_run(tags={"a"}), "tags is a set"),  # type: ignore[arg-type]
    "run_id is short": (lambda: gtrack.start_run(run_id="abc"), "'abc' is not 32 hex digits"),
    "resume without a run": (lambda: gtrack.start_run(resume=True), "resume needs a run"),
    "parent is no id": (lambda: gtrack.start_run(parent="nobody"), "nobody"),
    "goal is a word": (lambda: gtrack.define_metric("auc", goal="best"), "the goal of 'auc' is 'best'"),
    "status is a word": (lambda: gtrack.start_run().end("good"), "'good' is not a status"),
    "seed is a text": (lambda: gtrack.set_seed("abc"), "seed"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("use", WRONG)
def test_wrong_use_is_named_with_what_to_type(repo: Path, use: str) -> None:
    call, says = WRONG[use]
    with pytest.raises(errors.GtrackError, match=says) as caught:
        call()
    assert isinstance(caught.value, errors.UsageError | errors.NotFoundError)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_second_run_in_a_thread_is_refused_and_the_first_goes_on(repo: Path) -> None:
    first = gtrack.start_run(experiment="odd")
    with pytest.raises(errors.RunActiveError, match=first.id[:7]):
        gtrack.start_run(experiment="odd")
    gtrack.log({"auc": 1.0})
    first.end()
    assert [run.id for run in gtrack.Repo(str(repo)).runs()] == [first.id]


def test_a_run_that_is_not_there_cannot_be_resumed(repo: Path) -> None:
    with pytest.raises(errors.NotFoundError):
        gtrack.start_run(run_id="0" * 32, resume=True)


def test_a_run_that_has_finished_is_resumed_on_demand_only(repo: Path) -> None:
    run = gtrack.start_run(experiment="odd")
    run.end()
    with pytest.raises(errors.UsageError, match="has finished"):
        gtrack.start_run(run_id=run.id, resume=True)
    with pytest.raises(errors.UsageError, match="exists"):
        gtrack.start_run(run_id=run.id)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("GTRACK_CODE", "everything", "GTRACK_CODE is 'everything'"),
        ("GTRACK_SEGMENT_EVERY", "soon", "GTRACK_SEGMENT_EVERY: 'soon' is not a duration"),
        ("GTRACK_SYSTEM_METRICS", "yes", "GTRACK_SYSTEM_METRICS: 'yes' is not a duration"),
        ("GTRACK_RUN_ID", "mine", "GTRACK_RUN_ID is not a run id"),
    ],
)
def test_a_variable_with_a_wrong_value_is_named(world: World, variable: str, value: str, says: str) -> None:
    repo = world.repository(world.root / "repo")
    trained = world.train(repo, env={variable: value})
    assert trained.code == 1
    assert trained.err.splitlines()[-1].startswith("gtrack.errors.UsageError: ")
    assert says in trained.err.splitlines()[-1]
    assert world.runs(repo) == []


LATE = """\
import gtrack

run = gtrack.start_run(experiment="odd", params={"lr": 0.1})
bound = run.log_metric
run.log({"loss": 1.0})
run.end("failed")
for _ in range(3):
    run.log_metric("loss", 2.0)
    run.log({"loss": 2.0, "auc": 1.0})
    bound("loss", 3.0)
    run.log_params({"late": 1})
    run.set_tag("late", 1)
    run.note("late")
print("trained", run.id)
"""


def test_a_call_after_the_end_is_told_once_and_counted_as_rejected(world: World) -> None:
    repo = world.repository(world.root / "repo")
    trained = world.train(repo, LATE)
    trained.check_undisturbed()
    (warning,) = trained.warnings
    assert "has ended" in warning
    (run,) = world.runs(repo)
    assert (run["status"], run["params"], run["values"]["loss"]) == ("failed", {"lr": 0.1}, [1.0])
    assert run["rejected"] == {"loss": 9, "auc": 3}
    world.git(repo, "fsck", "--full", "--strict")
