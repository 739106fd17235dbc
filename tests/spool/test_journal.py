"""The journal: what it keeps, what it refuses, and what reading it does to hostile bytes."""

from __future__ import annotations

import errno
import fcntl
import math
import os
import resource
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.errors import DamageError, FormatError
from gtrack.spool import records
from gtrack.spool.journal import Journal, Refused
from gtrack.spool.reading import read_journal, summarise


class Trouble(list):
    """Collects what a journal could not write."""

    def __call__(self, key, error):
        self.append((key, error))


@contextmanager
def journal_at(path, **options):
    trouble = Trouble()
    journal = Journal(str(path), on_trouble=trouble, **options)
    try:
        yield journal, trouble
    finally:
        journal.close()


def points_at(path):
    """The values of a journal as (key, step, value), in the order they were written."""
    points = read_journal(str(path)).points
    return [
        (points.keys[key], step, value)
        for key, step, value in zip(points.key.tolist(), points.step.tolist(), points.value.tolist(), strict=True)
    ]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "9c1d7b6e-00000000.journal"


def test_values_come_back_as_they_were_written(path):
    with journal_at(path, rank=3) as (journal, trouble):
        journal.append("loss", 0.5, 10)
        journal.append("loss", 0.25)
        journal.append_all({"loss": 1, "acc": True}, 7)
        journal.append_at("then", 2.0, 1, time=1_700_000_000_123_456_789)
    assert trouble == []
    assert points_at(path) == [
        ("loss", 10, 0.5),
        ("loss", 11, 0.25),
        ("loss", 7, 1.0),
        ("acc", 7, 1.0),
        ("then", 1, 2.0),
    ]
    points = read_journal(str(path)).points
    assert set(points.rank.tolist()) == {3}
    assert points.time.tolist()[-1] == 1_700_000_000_123_456


def test_a_value_is_in_the_file_when_its_call_returns(path):
    with journal_at(path) as (journal, _):
        for number in range(5):
            journal.append("x", number)
            assert points_at(path)[-1] == ("x", number, float(number))


@pytest.mark.parametrize("step", [0, -(2**63), 2**63 - 2])
def test_the_largest_and_the_smallest_steps_are_kept(path, step):
    with journal_at(path) as (journal, trouble):
        journal.append("x", 1.0, step)
    assert trouble == []
    assert points_at(path) == [("x", step, 1.0)]


@pytest.mark.parametrize(
    ("key", "value", "step"),
    [
        ("x", "0.5", None),
        ("x", b"1", None),
        ("x", None, None),
        ("x", 1j, None),
        ("x", [1.0, 2.0], None),
        ("x", 10**400, None),
        ("x", 1.0, 1.5),
        ("x", 1.0, "3"),
        ("x", 1.0, 2**63),
        ("x", 1.0, math.nan),
        ("", 1.0, None),
        (7, 1.0, None),
        ("k" * 513, 1.0, None),
    ],
)
def test_what_cannot_be_logged_is_refused_by_name_and_counted(path, key, value, step):
    with journal_at(path) as (journal, trouble):
        journal.append("x", 1.0)
        journal.append(key, value, step)
        journal.append_all({key: value, "y": 2.0}, step)
    assert all(isinstance(error, Refused) for _, error in trouble)
    # A step that is none is refused for every metric that came with it.
    bad_step = step is not None
    assert len(trouble) == (3 if bad_step else 2)
    assert points_at(path) == [("x", 0, 1.0), *([] if bad_step else [("y", 0, 2.0)])]
    assert sum(read_journal(str(path)).rejected.values()) == len(trouble)


def test_an_object_whose_conversion_fails_is_refused(path):
    class Broken:
        def __float__(self):
            raise RuntimeError("no number here")

    with journal_at(path) as (journal, trouble):
        journal.append("x", Broken())
        journal.append("x", 1.0)
    assert "no number here" in str(trouble[0][1])
    assert points_at(path) == [("x", 0, 1.0)]


@pytest.mark.parametrize("size", [1, 23, 24, 25, 51, 52, 53, 511, 512])
def test_keys_of_every_length_come_back(path, size):
    key = ("é" * 256)[: size // 2] + "x" * (size % 2)
    assert len(key.encode()) == size
    with journal_at(path) as (journal, trouble):
        journal.append(key, 1.0)
    assert trouble == []
    assert points_at(path) == [(key, 0, 1.0)]


def test_many_keys_keep_their_own_steps(path):
    keys = [f"layer{number}/grad" for number in range(3000)]
    with journal_at(path) as (journal, _):
        journal.append_all(dict.fromkeys(keys, 1.0))
        journal.append_all(dict.fromkeys(keys, 2.0))
    points = points_at(path)
    assert len(points) == 6000
    assert {(key, step) for key, step, _ in points} == {(key, step) for key in keys for step in (0, 1)}


def test_steps_go_on_where_a_resumed_run_stopped(path):
    with journal_at(path, next_steps={"loss": 100}) as (journal, _):
        journal.append("loss", 1.0)
        journal.append_all({"loss": 2.0, "new": 3.0})
    assert points_at(path) == [("loss", 100, 1.0), ("loss", 101, 2.0), ("new", 0, 3.0)]


def test_the_first_metric_is_announced_before_it_is_written(path):
    sizes = []
    with journal_at(path, on_first=lambda: sizes.append(path.stat().st_size)) as (journal, _):
        journal.append("a", 1.0)
        journal.append("b", 1.0)
    assert sizes == [records.SIZE]


def test_threads_share_a_journal_without_losing_or_mixing_anything(path):
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait(20)
        for at in range(300):
            journal.append("shared", number * 1000 + at)
            journal.append_all({"shared": -1.0, f"own{number}": at})

    with journal_at(path) as (journal, trouble):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert trouble == []
    points = points_at(path)
    shared = [(step, value) for key, step, value in points if key == "shared"]
    assert sorted(step for step, _ in shared) == list(range(8 * 600))
    assert sorted(value for _, value in shared if value >= 0) == sorted(
        n * 1000 + at for n in range(8) for at in range(300)
    )
    for number in range(8):
        assert [value for key, _, value in points if key == f"own{number}"] == list(range(300))


@contextmanager
def file_size_limit(size):
    """Let no file of this process grow beyond ``size`` bytes: writes come up short, then fail with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("torn", [1, 8, 31])
def test_a_short_write_leaves_whole_records_and_is_told(path, torn):
    with journal_at(path) as (journal, trouble):
        journal.append("x", 1.0)
        journal.append("x", 2.0)
        whole = path.stat().st_size
        with file_size_limit(whole + torn):
            journal.append("x", 3.0)
            journal.append_all({"x": 4.0, "y": 5.0})
        assert path.stat().st_size == whole
        assert {error.errno for _, error in trouble} == {errno.EFBIG}
        journal.append("x", 6.0)
    assert [value for _, _, value in points_at(path)] == [1.0, 2.0, 6.0]


def test_values_of_one_call_are_never_there_twice_after_a_short_write(path):
    with journal_at(path) as (journal, trouble):
        journal.append_all({"a": 0.0, "b": 0.0, "c": 0.0})
        with file_size_limit(path.stat().st_size + 70):  # room for two records and a bit
            journal.append_all({"a": 1.0, "b": 1.0, "c": 1.0})
    assert points_at(path)[3:] == [("a", 1, 1.0), ("b", 1, 1.0)]
    assert [key for key, _ in trouble] == ["c"]


def test_a_key_whose_definition_came_up_short_can_be_used_later(path):
    key = "k" * 100
    with journal_at(path) as (journal, trouble):
        journal.append("x", 1.0)
        with file_size_limit(path.stat().st_size + 40):
            journal.append(key, 2.0)
        assert len(trouble) == 1
        journal.append(key, 3.0)
    assert [(name, value) for name, _, value in points_at(path)] == [("x", 1.0), (key, 3.0)]


def test_a_journal_is_created_once_and_locked_while_it_is_open(path):
    with journal_at(path) as (journal, _):
        assert journal.locked
        with pytest.raises(FileExistsError):
            Journal(str(path), on_trouble=Trouble())
        with open(path, "rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    with open(path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    journal.close()
    assert journal.closed


def test_a_closed_journal_takes_nothing_and_tells(path):
    with journal_at(path) as (journal, trouble):
        journal.append("x", 1.0)
        journal.close()
        journal.append("x", 2.0)
        journal.append_all({"x": 3.0})
    assert {error.errno for _, error in trouble} == {errno.EBADF}
    assert len(points_at(path)) == 1


def written(path):
    """The bytes of a journal with two keys and three values."""
    with journal_at(path) as (journal, _):
        journal.append("loss", 1.0)
        journal.append("k" * 60, 2.0)
        journal.append("loss", 3.0)
    return path.read_bytes()


def test_a_torn_tail_costs_what_is_torn_and_nothing_else(path):
    data = written(path)
    expected = points_at(path)
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        found = points_at(path)
        assert found == expected[: len(found)]
        assert read_journal(str(path)).records == size // records.SIZE
    assert found == expected


def test_a_tail_of_zeros_is_left_out(path):
    data = written(path)
    expected = points_at(path)
    for zeros in (1, 31, 32, 33, 4096):
        path.write_bytes(data + bytes(zeros))
        assert points_at(path) == expected
        assert read_journal(str(path)).records == len(data) // records.SIZE
    path.write_bytes(bytes(4096))
    assert points_at(path) == []


def test_a_zeroed_page_in_the_middle_costs_only_itself(path):
    data = written(path)
    path.write_bytes(data[:-64] + bytes(32) + data[-32:])
    assert [value for _, _, value in points_at(path)] == [1.0, 3.0]


def test_another_file_and_a_newer_version_are_told_apart(path):
    path.write_bytes(b"PAR1" * 16)
    with pytest.raises(DamageError, match="not a journal"):
        read_journal(str(path))
    header = bytearray(records.header(-1))
    header[16:24] = (2).to_bytes(8, "little")
    path.write_bytes(bytes(header))
    with pytest.raises(FormatError, match="newer gtrack"):
        read_journal(str(path))


KINDS = st.integers(0, 7)
IDENTS = st.integers(0, 3) | st.integers(0, 2**24 - 1)
record = st.tuples(KINDS, IDENTS, st.integers(-(2**31), 2**31 - 1), st.binary(min_size=24, max_size=24)).map(
    lambda parts: (
        (parts[0] | parts[1] << 8).to_bytes(4, "little") + parts[2].to_bytes(4, "little", signed=True) + parts[3]
    )
)
hostile = st.one_of(
    st.binary(max_size=400),
    st.lists(record, max_size=12).map(b"".join).map(lambda body: records.header(-1) + body),
    st.tuples(st.lists(record, max_size=8).map(b"".join), st.binary(max_size=40)).map(
        lambda parts: records.header(0) + records.key_definition(0, b"loss") + parts[0] + parts[1]
    ),
)


@settings(max_examples=150, deadline=None)
@given(data=hostile)
def test_reading_any_bytes_gives_values_or_a_clean_error(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "hostile.journal"
    path.write_bytes(data)
    try:
        journal = read_journal(str(path))
    except (DamageError, FormatError):
        return
    points = journal.points
    assert journal.records <= len(data) // records.SIZE
    assert len(points.key) == len(points.step) == len(points.time) == len(points.value) == len(journal.position)
    assert all(0 <= key < len(points.keys) for key in points.key.tolist())
    assert sum(summary.count for summary in summarise(points).values()) == len(points)
    assert all(isinstance(key, str) for key in journal.rejected)


values = st.lists(
    st.tuples(
        st.sampled_from(["loss", "acc", "é" * 30]),
        st.none() | st.integers(-(2**40), 2**40),
        st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(values)
def test_any_values_come_back_in_order_bit_by_bit(logged):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.journal"
        following: dict[str, int] = {}
        expected = []
        with journal_at(path) as (journal, trouble):
            for key, step, value in logged:
                journal.append(key, value, step)
                at = following.get(key, 0) if step is None else step
                following[key] = at + 1
                expected.append((key, at, value))
        assert trouble == []
        assert repr(points_at(path)) == repr(expected)


def test_a_key_that_two_spellings_share_is_summarised_once_with_all_its_values(path):
    # Two definitions of one name, as hostile bytes or replaced characters can make them.
    head = records.header(-1) + records.key_definition(0, b"x") + records.key_definition(1, b"x")
    body = b"".join(
        records.RECORD.pack(ident << 8 | records.VALUE, -1, step, 1_000, float(step))
        for ident, step in ((0, 0), (1, 1), (0, 2))
    )
    path.write_bytes(head + body)
    assert summarise(read_journal(str(path)).points)["x"].count == 3


def test_the_descriptor_does_not_reach_other_programs(path):
    with journal_at(path) as (journal, _):
        assert not os.get_inheritable(journal._fd)
