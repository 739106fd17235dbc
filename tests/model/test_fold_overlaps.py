"""Records that were sealed twice count once, however the two commands cut them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import RUN, SESSIONS, START, document, expected, same

from gtrack.model.cover import Intervals, choose
from gtrack.model.fold import fold_run
from gtrack.model.summary import MetricSummary

SESSION = SESSIONS[0]
WRITER = "0badcafe"
RECORDS = [(float(number % 5), number, START + number) for number in range(40)]

lengths = st.lists(st.integers(1, 15), min_size=1, max_size=6)
ranges = st.lists(
    st.tuples(st.sampled_from("vw"), st.integers(0, 12), st.integers(0, 12)).map(lambda r: (r[0], r[1], r[1] + r[2])),
    max_size=3,
)


def sealed(first, end):
    """A summary of some records, and how many values were refused among them."""
    some = RECORDS[first:end]
    name = f"{SESSION}-{WRITER}-{first}-{len(some)}"
    body = {
        "session": SESSION, "segments": [name], "metrics": {"loss": expected(some).to_dict()},
        "rejected": {"loss": len(some)},
    }  # fmt: skip
    doc = document("summary", body, session=SESSION)
    return doc.__class__(doc.kind, f"summary-{name}.yaml", doc.body, doc.stamp, doc.session)


def one_after_another(some):
    out, first = [], 0
    for length in some:
        end = min(first + length, len(RECORDS))
        if end > first:
            out.append(sealed(first, end))
        first = end
    return out, first


@given(st.lists(lengths, min_size=1, max_size=4), st.randoms())
@settings(max_examples=150, deadline=None)
def test_commands_that_did_not_see_each_other_count_every_record_once(machines, random):
    files, reached = [], 0
    for some in machines:
        more, until = one_after_another(some)
        files, reached = files + more, max(reached, until)
    state = fold_run(RUN, random.sample(files, len(files)))
    assert same(state.metrics["loss"], expected(RECORDS[:reached]))
    assert state.rejected == {"loss": reached}


def test_what_cannot_be_told_apart_is_marked_partial():
    state = fold_run(RUN, [sealed(0, 6), sealed(3, 9)])
    found = state.metrics["loss"]
    assert found.partial and found.min == 0.0 and found.max == 4.0 and found.step == 8


def test_a_document_whose_records_all_stand_elsewhere_adds_nothing():
    assert fold_run(RUN, [sealed(0, 9), sealed(2, 5)]).metrics["loss"].count == 9
    assert not fold_run(RUN, [sealed(0, 9), sealed(0, 5), sealed(5, 9)]).metrics["loss"].partial


def test_ranks_side_by_side_all_count():
    first, second = MetricSummary.point(1.0, 0, START), MetricSummary.point(2.0, 0, START)
    docs = []
    for writer, part in (("0000000a", first), ("0000000b", second)):
        body = {"session": SESSION, "segments": [f"{SESSION}-{writer}-0-1"], "metrics": {"loss": part.to_dict()}}
        docs.append(document("summary", body, session=SESSION, number=int(writer, 16)))
    assert fold_run(RUN, docs).metrics["loss"].count == 2


@given(st.lists(ranges, max_size=6), st.randoms())
@settings(max_examples=150, deadline=None)
def test_the_chosen_parts_hold_everything_and_only_doubtful_ones_overlap(parts, random):
    named = [(f"part {number}", part) for number, part in enumerate(parts)]
    chosen = choose(named)
    held = {(name, at) for number, _ in chosen for name, first, end in parts[number] for at in range(first, end)}
    assert held == {(name, at) for part in parts for name, first, end in part for at in range(first, end)}
    sure = [{(n, at) for n, first, end in parts[number] for at in range(first, end)} for number, d in chosen if not d]
    assert sum(map(len, sure)) == len(set().union(*sure))
    shuffled = random.sample(named, len(named))
    names = {named[number][0]: doubtful for number, doubtful in chosen}
    assert {shuffled[number][0]: doubtful for number, doubtful in choose(shuffled)} == names


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=12), st.integers(0, 20), st.integers(0, 6))
@settings(max_examples=150, deadline=None)
def test_intervals_are_sets(added, first, length):
    found, numbers = Intervals(), set()
    for start, size in added:
        found.add(start, start + size)
        numbers.update(range(start, start + size))
    asked = set(range(first, first + length))
    assert found.holds(first, first + length) == (asked <= numbers)
    assert found.meets(first, first + length) == bool(asked & numbers)
