"""The index answers every question as going through all runs does, and gives back every state as it was."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from filter_strategies import LITERALS, PATTERNS, combined, printable
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.index.columns import CONFIGURATION, Column, Headline, line_of, newest_first
from gtrack.index.configuration import configuration, leaf, sort_key
from gtrack.index.facts import IndexedRuns
from gtrack.index.fields import AGGREGATES, ATTRIBUTES, Field, Type, lookup
from gtrack.index.filter import Between, Compare, DescendsFrom, Filter, In, IsNull, Like, Not, Regexp, parse
from gtrack.index.nested import everything
from gtrack.index.opening import open_store
from gtrack.index.query import MOST_ORDERS, Order, Query, answer, parse_order, sort_states
from gtrack.index.rows import decode, encode, moment_of, rows_of
from gtrack.index.store import Store
from gtrack.model.goal import Goal
from gtrack.model.nested import flatten
from gtrack.model.state import Note, RunState, SessionState
from gtrack.model.summary import MetricSummary

NOW = 1_795_000_000_000_000
claim = settings(deadline=None, max_examples=60, phases=[Phase.explicit, Phase.generate])

scalars = st.one_of(
    st.sampled_from(
        [
            *(6, 6.0, "6", "6.00", "1e-1", 0.1, -3, True, False, "true", "True", "adam", "Adam", "", "abcd", "nan"),
            *(math.nan, math.inf, -math.inf, 10**25, -(10**25), str(10**25), 2**63, -(2**63), 1e300, "a\0b", "\ud800"),
            *("%", "a%b_c", "[x]", "x" * 300, "é", "\U0001f600", "inf", "-0", -0.0),
        ]
    ),
    st.integers(-5, 5),
    st.floats(),
    printable,
)
values = st.one_of(scalars, st.none(), st.lists(scalars, max_size=2))
KEYS = ["a", "b", "c", "a.b", "a.b.c", "lr"]
names = st.sampled_from(KEYS)
params = st.dictionaries(
    names,
    st.one_of(
        values, st.dictionaries(names, st.one_of(values, st.dictionaries(names, values, max_size=2)), max_size=2)
    ),
    max_size=4,
)
hashes = st.sampled_from(["abcd" * 10, "abce" * 10, "1234" * 10, "abcd"])
moments = st.one_of(st.none(), st.integers(NOW - 3 * 86_400_000_000, NOW + 5), st.sampled_from([0, NOW]))
numbers = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 6.0, math.nan, math.inf]))


@st.composite
def summaries(draw: st.DrawFn) -> MetricSummary:
    point = MetricSummary.point(draw(numbers), draw(st.integers(-2, 5)), draw(st.integers(NOW, NOW + 3)))
    low = draw(st.one_of(st.none(), numbers.filter(lambda n: not math.isnan(n))))
    return replace(
        point,
        min=low,
        argmin=None if low is None else 1,
        max=low,
        argmax=None if low is None else 2,
        count=draw(st.integers(1, 9)),
        nan=draw(st.integers(0, 2)),
        goal=draw(st.sampled_from([None, "min", "max"])),
        partial=draw(st.booleans()),
        ranks=draw(st.sampled_from([None, {0: 3, -1: 4}])),
    )


states = st.builds(
    RunState,
    id=st.text("0123456789abcdef", min_size=32, max_size=32),
    name=st.sampled_from(["churn", "Churn", "run 6", "x\ny"]),
    experiment=st.sampled_from(["default", "other"]),
    status=st.sampled_from(["finished", "failed", "running", "lost"]),
    started=moments,
    ended=moments,
    parent=st.one_of(st.none(), hashes),
    group=st.one_of(st.none(), printable),
    author=printable,
    error=st.one_of(st.none(), st.dictionaries(names, values, max_size=2)),
    params=params,
    tags=st.dictionaries(names, values, max_size=3),
    notes=st.sampled_from([(), (Note(NOW, "Ada", "hm"),)]),
    metrics=st.dictionaries(names, summaries(), max_size=3),
    rejected=st.sampled_from([{}, {"a": 3}]),
    code=st.one_of(
        st.fixed_dictionaries({"commit": hashes, "dirty": st.booleans(), "branch": printable, "cwd": printable}),
        st.dictionaries(st.sampled_from(["commit", "dirty", "snapshot", "branch", "cwd"]), values, max_size=4),
    ),
    data=st.lists(
        st.one_of(st.just("odd"), st.dictionaries(st.sampled_from(["name", "digest", "role"]), values)), max_size=3
    ).map(tuple),
    environment=st.dictionaries(st.one_of(names, st.just("host")), values, max_size=3),
    seed=st.dictionaries(names, values, max_size=2),
    sessions=st.sampled_from([(), (SessionState("a", None, 1, None, None, True, {"x": [1]}), SessionState("b"))]),
    deleted=st.booleans(),
    last_heard=moments,
    future=st.sampled_from([(), ("events/x",)]),
    concurrent=st.sampled_from([(), ("tag a",)]),
    problems=st.sampled_from([(), ("bad",)]),
)
runs = st.lists(states, max_size=6, unique_by=lambda run: run.id)

fields = st.one_of(
    st.builds(Field, st.sampled_from(["params", "params", "tags", "environment", "seed", "error"]), names),
    st.builds(Field, st.just("params"), st.sampled_from(["a.b.lr", "a.a", "b.c.a", "a.b.c.a"])),
    st.builds(Field, st.just("metrics"), names, st.sampled_from(list(AGGREGATES))),
    st.builds(Field, st.just("attributes"), st.sampled_from(list(ATTRIBUTES))),
    st.builds(Field, st.just("code"), st.sampled_from(["cwd", "commit.a"])),
    st.builds(Field, st.just("datasets"), st.sampled_from(["name", "digest", "role"])),
)
POOL = [
    6,
    6.0,
    "6",
    0.1,
    "adam",
    "Adam",
    True,
    False,
    math.nan,
    math.inf,
    10**25,
    "a",
    "",
    "nan",
    "1e-1",
    2**63,
    "churn",
]
literals = {
    **LITERALS,
    Type.ANY: st.one_of(st.sampled_from(POOL), LITERALS[Type.ANY]),
    Type.NUMBER: st.one_of(st.sampled_from([0, 1, 2, 6, 6.0, math.nan, math.inf, 10**25]), LITERALS[Type.NUMBER]),
    Type.TEXT: st.one_of(st.sampled_from(["churn", "default", "6", "adam", "nan"]), LITERALS[Type.TEXT]),
}


@st.composite
def predicates(draw: st.DrawFn) -> Filter:
    field = draw(fields)
    literal = literals[field.type]
    ordered = literal.filter(lambda value: not isinstance(value, bool))
    lineage = st.frozensets(hashes).map(lambda commits: DescendsFrom("v1", commits))
    options = [
        lineage,
        st.just(IsNull(field)),
        st.builds(Compare, st.just(field), st.sampled_from(["=", "!="]), literal),
    ]
    options.append(st.builds(In, st.just(field), st.lists(literal, min_size=1, max_size=4).map(tuple)))
    if field.type is not Type.TRUTH:
        options.append(st.builds(Compare, st.just(field), st.sampled_from(["<", "<=", ">", ">="]), ordered))
        options.append(st.builds(Between, st.just(field), ordered, ordered))
    if field.type in (Type.ANY, Type.TEXT, Type.WORD, Type.HASH):
        patterns = st.one_of(st.sampled_from(["a%", "%6%", "_", "%[x]%", "a\\%b_c", "%%%%", "*", "?"]), printable)
        options += [st.builds(Like, st.just(field), patterns, st.booleans())]
        options += [st.builds(Regexp, st.just(field), PATTERNS)]
    return draw(st.one_of(options))


filters = st.recursive(predicates(), combined, max_leaves=5)
orders = st.lists(
    st.builds(Order, fields.filter(lambda field: field.scope != "datasets"), st.booleans()), max_size=2
).map(tuple)
queries = st.builds(
    Query,
    where=st.one_of(st.none(), filters),
    experiments=st.sampled_from([(), (), ("other",), ("other", "default")]),
    statuses=st.sampled_from([(), (), ("failed", "running")]),
    deleted=st.sampled_from([False, True, None, None]),
    order=orders,
    limit=st.sampled_from([None, 1, 2, 3]),
    offset=st.integers(0, 2) | st.just(1_000),
)


@contextmanager
def stored(some: list[RunState]) -> Iterator[Store]:
    store = open_store([], "test")
    try:
        with store.transaction():
            store.put(map(rows_of, some))
        yield store
    finally:
        store.close()


def shown(some: list[RunState]) -> list[str]:
    """By repr, in which NaN is itself and 1 is not 1.0."""
    return [repr(state) for state in some]


@claim
@given(states)
def test_a_state_is_given_back_as_it_was(state: RunState) -> None:
    with stored([state]) as store:
        found = store.state(state.id)
    assert repr(found) == repr(state)


@claim
@given(runs, queries)
def test_the_index_answers_as_going_through_all_runs_does(some: list[RunState], query: Query) -> None:
    expected = answer(some, query, now_us=NOW)
    with stored(some) as store:
        found, total = store.find(query, now_us=NOW)
    assert shown(found) == shown(expected.runs)
    assert total == expected.total


columns = st.one_of(
    fields,
    st.builds(Headline, names, st.sampled_from([None, Goal("min", "experiment"), Goal("max", "name")])),
    st.just(CONFIGURATION),
)


@claim
@given(runs, queries, st.lists(columns, max_size=4), st.booleans())
def test_columns_are_what_going_through_all_runs_gives(
    some: list[RunState], query: Query, asked: list[Column], many: bool
) -> None:
    asked = asked * 30 if many else asked
    expected = newest_first(line_of(run, asked) for run in some if query.selects(run, now_us=NOW))
    with stored(some) as store:
        found = IndexedRuns(store, query, NOW).lines(asked)
        gone = [str(line[1]) for line in expected[:1]]
        rest = IndexedRuns(store, query, NOW, without=gone).lines(asked)
    assert repr(found) == repr(expected)
    assert repr(rest) == repr(expected[1:])


@claim
@given(runs, queries)
def test_what_runs_have_between_them_is_counted_as_going_through_all_does(some: list[RunState], query: Query) -> None:
    chosen = [run for run in some if query.selects(run, now_us=NOW)]
    pairs = [(run, key, summary.goal) for run in chosen for key, summary in run.metrics.items()]
    leaves = [pair for run in chosen for pair in flatten(run.params)]
    with stored(some) as store:
        found = IndexedRuns(store, query, NOW)
        assert found.metrics() == Counter(key for _, key, _ in pairs)
        assert found.declared() == {(run.experiment, key) for run, key, goal in pairs if goal}
        assert found.count("experiment") == Counter(run.experiment for run in chosen)
        assert found.count("status") == Counter(run.status for run in chosen)
        for key in KEYS:
            saying = [(moment_of(run), run.id, goal) for run, of, goal in pairs if of == key and goal]
            assert found.newest_goal(key) == max(saying, default=None)
        assert found.params() >= {key for key, value in leaves if value is not None and not isinstance(value, dict)}
        assert {run.id for run in store.unsettled()} == {run.id for run in some if _is_unsettled(run)}


def _is_unsettled(run: RunState) -> bool:
    return bool(run.future or run.concurrent or run.status == "lost" or any(each.fork for each in run.sessions))


@claim
@given(values, values, params, st.integers())
def test_configurations_are_equal_where_all_params_but_seeds_are(
    one: object, other: object, more: dict[str, object], seed: int
) -> None:
    alike, unlike = ({**more, "lr": one, "data.split_seed": seed}, {**more, "lr": other})
    found = [configuration(RunState("a", "b", "c", "finished", params=each)) for each in (alike, unlike)]
    assert (found[0] == found[1]) is (sort_key(leaf(one)) == sort_key(leaf(other)))


@claim
@given(runs, filters)
def test_a_filter_and_its_opposite_leave_out_what_is_unknown(some: list[RunState], tree: Filter) -> None:
    with stored(some) as store:
        for node, wanted in ((tree, True), (Not(tree), False)):
            found, _ = store.find(Query(where=node, deleted=None), now_us=NOW)
            expected = {run.id for run in some if tree.truth(run, now_us=NOW) is wanted}
            assert {run.id for run in found} == expected


@claim
@given(runs, st.data())
def test_runs_taken_out_leave_nothing_behind(some: list[RunState], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from([run.id for run in some]))) if some else set()
    with stored(some) as store, stored([run for run in some if run.id not in gone]) as other:
        with store.transaction():
            store.discard([*gone, "f" * 32])
        for scope in ("metrics", "params", "tags", "params{}"):
            assert store.keys(scope) == other.keys(scope)
        for table in ("run", "document", "value", "metric", "dataset"):
            sql = f"SELECT count(*) FROM {table}"
            assert store._db.execute(sql).fetchone() == other._db.execute(sql).fetchone()


@claim
@given(runs)
def test_keys_are_counted(some: list[RunState]) -> None:
    with stored(some) as store:
        for scope in ("metrics", "tags"):
            expected: dict[str, int] = {}
            for run in some:
                for key, value in getattr(run, scope).items():
                    if value is not None:
                        expected[key] = expected.get(key, 0) + 1
            assert store.keys(scope) == dict(sorted(expected.items()))


@claim
@given(params)
@example({"a": {"b.c": 1}, "a.b": {"c": 2}})
@example({"a.b": {"c": 1}, "a": {"b.c": 2}})
@example({"a": {"b.c": None, "b": {"c": 1}}})
@example({"a": {"b.c": None, "b": {"c": 1}}, "a.b": {"c": 2}})
@example({"a.b.c": None, "a": {"b": {"c": 1}}})
@example({"": {"a": 1}, "a": {"": {"a": 1}}})
def test_everything_is_what_can_be_looked_up(some: dict[str, object]) -> None:
    found = everything(some, 10**6)
    paths = {f"{a}.{b}.{c}".strip(".") for a in ["", *KEYS] for b in ["", *KEYS] for c in ["", *KEYS]}
    for key in paths | set(found):
        assert repr(found.get(key)) == repr(lookup(some, key))


@claim
@given(values)
@example("\ud800")
@example("a\0b")
@example(2**63)
def test_a_value_is_kept_without_loss(value: object) -> None:
    kept = encode(value)
    if not isinstance(value, list):
        assert repr(decode(kept)) == repr(value)
    with sqlite3.connect(":memory:") as db:
        assert repr(db.execute("SELECT ?", (kept,)).fetchone()[0]) == repr(kept)
    db.close()


def run(number: int, **facts: object) -> RunState:
    return RunState(f"{number:032x}", f"run {number}", "default", "finished", started=NOW + number, **facts)  # type: ignore[arg-type]


SOME = [run(1, params={"x": 6}), run(2, params={"x": 6.0}), run(3, params={"x": "6"}), run(4, params={"x": 7})]


@pytest.mark.parametrize("text", ["params.x = 6", "params.x = 6.0", 'params.x = "6"', "params.x = '6'", "params.x < 7"])
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    with stored(SOME) as store:
        found, total = store.find(Query(where=parse(text)), now_us=NOW)
    assert {int(state.id, 16) for state in found} == {1, 2, 3}
    assert total == 3


def test_sorting_is_numeric_where_all_are_numbers() -> None:
    some = [run(n, params={"x": x}) for n, x in enumerate(["10", 9, 2.5, "1e1", None, "nan"])]
    query = Query(order=(parse_order("params.x"),))
    with stored(some) as store:
        found, _ = store.find(query, now_us=NOW)
    assert [int(state.id, 16) for state in found] == [2, 1, 3, 0, 5, 4]


def test_what_has_no_value_comes_last_either_way() -> None:
    some = [run(1, params={"x": 1}), run(2), run(3, params={"x": "auto"}), run(4, params={"x": 3})]
    for text, expected in (("params.x", [1, 4, 3, 2]), ("-params.x", [4, 1, 3, 2]), ("params.x DESC", [4, 1, 3, 2])):
        assert [int(state.id, 16) for state in sort_states(some, [parse_order(text)])] == expected


@pytest.mark.parametrize("text", ["metrics.", "nothing.at.all", "datasets.name", "", "-"])
def test_what_cannot_be_sorted_by_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_order(text)


def test_integers_of_any_length_are_sorted() -> None:
    some = [run(n, params={"x": x}) for n, x in enumerate([1, 10**400, -(10**400), 1e300, 10**25])]
    query = Query(order=(parse_order("params.x"),))
    with stored(some) as store:
        found, _ = store.find(query, now_us=NOW)
    assert [int(state.id, 16) for state in found] == [2, 0, 4, 3, 1]


def test_any_limit_will_do() -> None:
    with stored(SOME) as store:
        assert len(store.find(Query(limit=10**30), now_us=NOW)[0]) == len(SOME)


@pytest.mark.parametrize("text", ["params.x", "metrics.x", "environment.x", "started"])
def test_as_many_fields_as_are_allowed_can_be_sorted_by(text: str) -> None:
    some = [run(n, params={"x": n}, metrics={"x": MetricSummary.point(n, 1, NOW)}) for n in range(3)]
    query = Query(order=(parse_order(text),) * MOST_ORDERS)
    with stored(some) as store:
        found, _ = store.find(query, now_us=NOW)
    assert shown(found) == shown(answer(some, query, now_us=NOW).runs)
    with pytest.raises(UsageError, match="11 fields to sort by; 10 are the most"):
        Query(order=(parse_order(text),) * 11)


HOSTILE = ["'; DROP TABLE run; --", 'x" OR 1=1 --', "a') UNION SELECT 1 --", "?1", ":x", "%s", "a\\'b", "`", '"']


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("scope", ["params", "tags", "environment", "metrics", "code", "seed", "error"])
def test_no_key_and_no_value_is_ever_part_of_the_statement(text: str, scope: str) -> None:
    some = [run(1, params={text: text}, tags={text: text}), run(2)]
    asked = Field(scope, text)
    value = 1 if scope == "metrics" else text
    nodes = [Compare(asked, "=", value), Compare(asked, ">", value), In(asked, (value,)), IsNull(asked)]
    with stored(some) as store:
        for node in nodes:
            query = Query(where=node, experiments=(text, "default"), order=(Order(asked),))
            found, _ = store.find(query, now_us=NOW)
            assert shown(found) == shown(answer(some, query, now_us=NOW).runs)
        assert len(store.ids()) == 2
