"""A journal read piece by piece says what a reading of the whole says."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.errors import DamageError
from gtrack.spool import records
from gtrack.spool.following import JournalFollower
from gtrack.spool.journal import Journal
from gtrack.spool.reading import read_journal, summarise

KEYS = st.sampled_from(["a", "b", "a much longer name of more than twenty-four bytes, ä", "x" * 200])
ACTIONS = st.one_of(
    st.tuples(st.just("log"), KEYS, st.floats(), st.integers(-3, 3)),
    st.tuples(st.just("refuse"), KEYS),
    st.tuples(st.just("read"), st.booleans()),
)


def rows(data, first):
    chosen = data.position >= first
    points = data.points.select(chosen)
    names = [points.keys[at] for at in points.key]
    columns = (data.position[chosen], points.step, points.time, points.value.view("<i8"), points.rank)
    return list(zip(names, *(column.tolist() for column in columns), strict=True))


def assert_same(followed, whole, first):
    assert followed.records == whole.records
    assert rows(followed, first) == rows(whole, first)
    assert followed.rejected_since(first) == whole.rejected_since(first)
    assert followed.last_time == whole.last_time


@given(st.lists(ACTIONS, max_size=30))
@settings(max_examples=60, deadline=None)
def test_what_is_new_is_the_same_however_often_a_journal_was_read(tmp_path_factory, actions):
    path = str(tmp_path_factory.mktemp("journal") / "a.journal")
    journal, follower, sealed = Journal(path, on_trouble=lambda *_: None), JournalFollower(path), 0
    try:
        for what, *rest in [*actions, ("read", True)]:
            if what == "log":
                journal.append_at(*rest)
            elif what == "refuse":
                journal.count_refused(*rest)
            else:
                whole = read_journal(path)
                assert_same(follower.read(sealed), whole, sealed)
                if rest[0]:  # else the commit failed, and the same records are asked for again
                    sealed = whole.records
    finally:
        journal.close()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_journal_that_is_cut_anywhere_is_followed_from_there(tmp_path_factory, data):
    """As a reader may see it while it is written, and after a full disk made the writer take records back."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(str(folder / "whole"), on_trouble=lambda *_: None)
    for step in range(6):
        journal.append_at(f"metric {step % 4} " + "x" * 40, step, step, step)
    journal.close()
    raw = (folder / "whole").read_bytes()
    path = folder / "seen"
    follower = JournalFollower(str(path))
    cuts = data.draw(st.lists(st.integers(records.SIZE, len(raw)), min_size=1, max_size=6))
    sealed = 0
    for cut in [*cuts, len(raw)]:
        path.write_bytes(raw[:cut] + bytes(data.draw(st.sampled_from([0, 32, 64]))))
        whole = read_journal(str(path))
        sealed = min(sealed, whole.records)
        assert_same(follower.read(sealed), whole, sealed)
        sealed = data.draw(st.sampled_from([sealed, whole.records]))


def test_only_what_is_new_is_read(tmp_path):
    path = tmp_path / "a.journal"
    journal = Journal(str(path), on_trouble=lambda *_: None)
    follower = JournalFollower(str(path))
    for step in range(1000):
        journal.append("loss", step, step)
    assert len(follower.read(0).points) == 1000
    journal.append("loss", 1000, 1000)
    journal.append("new", 1.0)
    found = follower.read(1002)
    assert {key: summary.last for key, summary in summarise(found.points).items()} == {"loss": 1000.0, "new": 1.0}
    assert (len(found.points), found.records) == (2, os.stat(path).st_size // records.SIZE)
    journal.close()


def test_what_is_no_journal_is_refused(tmp_path):
    (tmp_path / "a.journal").write_bytes(b"x" * 64)
    with pytest.raises(DamageError):
        JournalFollower(str(tmp_path / "a.journal")).read(0)
