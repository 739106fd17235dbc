"""Half a million samples as a few hundred points: the same ones however often a run was sealed, and small."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gtrack.format.names import Segment, parse_run_file
from gtrack.format.parquet import decode_metrics
from gtrack.ops import seal_system
from gtrack.ops.load import RunFiles
from gtrack.ops.system_curves import Use, _joined, _once, _Piece, _told
from gtrack.spool import records, system_reading
from gtrack.spool.directory import Writer
from gtrack.spool.journal import Journal
from gtrack.spool.system_reading import FULL, read_system, window_of

STEPS = st.integers(0, 2**62)
SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND


def raw(keys: list[str], samples: int, *, first: int = 0, value=None) -> bytes:
    """The bytes of a journal, without a system call for each sample."""
    layout = np.dtype([("word", "<u4"), ("rank", "<i4"), ("step", "<i8"), ("time", "<i8"), ("value", "<f8")])
    table = np.zeros(samples * len(keys), layout)
    step = np.repeat(np.arange(first, first + samples), len(keys))
    key = np.tile(np.arange(len(keys)), samples)
    table["word"] = key << 8 | records.VALUE
    table["rank"], table["step"], table["time"] = -1, step, START + step * 5 * SECOND
    table["value"] = step % 100 if value is None else value(key, step)
    head = records.header(-1) + b"".join(records.key_definition(n, k.encode()) for n, k in enumerate(keys))
    return head + table.tobytes()


def recorded(files: dict[str, bytes]) -> RunFiles:
    return RunFiles("0" * 32, {parse_run_file(name): name for name in files})


def rows(files: dict[str, bytes]) -> list[tuple[object, ...]]:
    tables = [decode_metrics(data).to_pydict() for data in files.values()]
    return sorted(row for table in tables for row in zip(*table.values(), strict=True))


@given(STEPS)
@example(0)
@example(FULL - 1)
@example(FULL)
@example(2**62)
def test_later_samples_are_in_the_same_window_or_a_later_one(step):
    mine, next_one = window_of(np.array([step, step + 1])).tolist()
    assert next_one in (mine, mine + 1)


@given(STEPS)
@example(FULL)
@example(4 * FULL)
@example(2**62)
def test_a_point_stands_for_at_most_a_thirtieth_of_the_run_so_far(step):
    mine, before = window_of(np.array([step, step - step // (FULL // 2) - 1])).tolist()
    assert before < mine or step < 1


def test_a_run_of_a_month_keeps_a_bounded_number_of_points():
    month = np.arange(30 * 86_400 // 5)
    assert len(np.unique(window_of(month))) == 480
    assert int(window_of(np.array([2**63 - 1]))[0]) < 8000


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_a_run_sealed_in_parts_has_the_points_of_one_sealed_at_once(tmp_path_factory, parts, odd):
    folder = str(tmp_path_factory.mktemp("spool"))
    writer = Writer(folder, "a" * 8, "b" * 8)
    keys = ["system/a", "system/b"]
    whole = raw(keys, 40 * sum(parts), value=lambda key, step: (step * 7 % 13) * 1.37 + key)
    begins = len(raw(keys, 0))
    files: dict[str, bytes] = {}
    taken = begins
    for part in parts:
        taken += part * 40 * 2 * records.SIZE + odd  # between two polls a record may be half there
        with open(writer.stem + ".system", "wb") as file:
            file.write(whole[:taken])
        new = seal_system.system_files(writer, recorded(files), complete=False)
        assert not set(new) & set(files)
        files |= new
    with open(writer.stem + ".system", "wb") as file:
        file.write(whole)
    files |= seal_system.system_files(writer, recorded(files), complete=True)
    assert seal_system.system_files(writer, recorded(files), complete=True) == {}
    once = seal_system.system_files(writer, RunFiles("0" * 32), complete=True)
    assert rows(files) == rows(once)
    segments = sorted(parse_run_file(name).segment for name in files)
    assert segments[0].first == 0
    assert segments[-1].end == len(whole) // records.SIZE
    assert all(one.end == two.first for one, two in pairwise(segments))


def test_points_are_means_of_their_samples_and_the_peak_is_kept_in_the_total(tmp_path):
    path = tmp_path / "a.system"
    path.write_bytes(raw(["system/x"], 4 * FULL, value=lambda key, step: np.where(step == 200, 1000.0, 1.0)))
    found = read_system(str(path))
    points = found.points()
    at = int(np.searchsorted(points.step, 200, side="right")) - 1
    assert points.value[at] == pytest.approx((1000 + 3) / 4, rel=1e-3)
    total = found.totals["system/x"]
    assert (total.count, total.max) == (4 * FULL, 1000.0)
    assert total.mean == pytest.approx(1 + 999 / (4 * FULL))


def test_pieces_in_which_a_journal_is_read_change_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.system"
    names = ["system/" + "long name " * 5, "system/b", "system/c"]
    path.write_bytes(raw(names, 700, value=lambda key, step: np.sqrt(step) + key))
    whole = read_system(str(path))
    monkeypatch.setattr(system_reading, "_CHUNK", 7)
    pieces = read_system(str(path))
    assert pieces.records == whole.records
    for name in ("step", "time", "value", "key"):
        assert getattr(pieces.points(), name).tolist() == getattr(whole.points(), name).tolist()
    assert pieces.totals[names[0]].mean == pytest.approx(whole.totals[names[0]].mean)


def test_a_kept_value_is_within_a_thousandth(tmp_path):
    path = tmp_path / "a.system"
    values = np.geomspace(1e-6, 1e12, FULL)
    path.write_bytes(raw(["system/x"], FULL, value=lambda key, step: values[step]))
    assert read_system(str(path)).points().value == pytest.approx(values, rel=1e-3)


def test_a_torn_record_and_a_tail_of_zeros_are_left_out(tmp_path):
    path = tmp_path / "a.system"
    data = raw(["system/x"], 10)
    path.write_bytes(data[:-5] + b"")
    assert read_system(str(path)).totals["system/x"].count == 9
    path.write_bytes(data + bytes(320))
    assert read_system(str(path)).records == len(data) // 32


def test_a_month_of_a_machine_with_eight_gpus_fits_its_files(tmp_path):
    # Not the whole month of samples: what is kept of it, with as much noise.
    rng = np.random.default_rng(1)
    windows = 480
    keys = [f"system/gpu_{n % 8}_{n // 8}" for n in range(54)]
    points = system_reading.Points(
        keys,
        np.repeat(np.arange(54), windows),
        np.tile(np.arange(windows) * 300, 54),
        np.tile(START // 1000 + np.arange(windows) * 300 * 5_000_000, 54),
        system_reading._shortened(np.abs(rng.normal(300, 90, 54 * windows))),
        np.full(54 * windows, -1, np.int32),
    )
    from gtrack.ops.segments import encode_segment

    data = encode_segment(points.select(np.arange(len(points)) < seal_system._MOST_POINTS))
    assert len(data) < 256 << 10


def test_very_many_points_are_split_into_files(tmp_path, monkeypatch):
    monkeypatch.setattr(seal_system, "_MOST_POINTS", 100)
    writer = Writer(str(tmp_path), "a" * 8, "b" * 8)
    (tmp_path / f"{'a' * 8}-{'b' * 8}.system").write_bytes(raw(["system/x", "system/y"], 64))
    files = seal_system.system_files(writer, RunFiles("0" * 32), complete=True)
    assert [len(decode_metrics(data)) for data in files.values()] == [100, 28]
    assert len(rows(files)) == 128
    assert seal_system.system_files(writer, recorded(files), complete=True) == {}


@given(st.binary(max_size=400), st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_a_journal_of_anything_is_read_or_refused(tmp_path_factory, noise, more):
    folder = str(tmp_path_factory.mktemp("spool"))
    writer = Writer(folder, "a" * 8, "b" * 8)
    with open(writer.stem + ".system", "wb") as file:
        file.write(raw(["system/x"], 3) + noise + more)
    found = seal_system.system_points(writer)
    assert found is None or found.totals
    for name, data in seal_system.system_files(writer, RunFiles("0" * 32), complete=True).items():
        assert parse_run_file(name).segment.count >= len(decode_metrics(data))


def test_hostile_numbers_of_samples_make_no_more_points(tmp_path):
    path = str(tmp_path / "a.system")
    journal = Journal(path, on_trouble=lambda *_: None)
    for step in (-(2**62), -1, 0, 2**40, 2**62, 2**63 - 2):
        journal.append_at("system/x", 1.0, step)
    journal.append_at("system/x", math.inf, 1)
    journal.close()
    assert read_system(path).points().step.tolist() == [0, 2**40, 2**62, 2**63 - 2]


def test_what_is_told_counts_all_gpus_as_one(tmp_path):
    path = tmp_path / f"{'a' * 8}-{'b' * 8}.system"
    keys = ["system/gpu_0_utilization_percentage", "system/gpu_1_utilization_percentage", "system/other"]
    path.write_bytes(raw(keys, 10, value=lambda key, step: key * 50.0))
    told = seal_system.system_totals([Writer(str(tmp_path), "a" * 8, "b" * 8)])
    assert told == {"b" * 8: {"gpu_utilization_percentage": {"count": 20, "mean": 25.0, "max": 50.0}}}
    assert Segment.parse("x") is None


def piece(end: int, steps: list[int], value: float, writer: str = "b" * 8) -> _Piece:
    count = len(steps)
    columns = (np.zeros(count, np.int64), np.array(steps), np.array(steps) * 5, np.full(count, value))
    return _Piece("a" * 8, writer, end, system_reading.Points(["system/x"], *columns, np.full(count, -1, np.int32)))


def test_of_two_files_of_the_same_samples_the_one_that_reaches_further_stands():
    # Two clones sealed one spool, at different moments: the last window of the shorter one is half a window.
    short, whole = piece(10, [0, 1, 2], 1.0), piece(20, [0, 1, 2, 3], 2.0)
    for pieces in ([short, whole], [whole, short]):
        points = _once(pieces)
        assert points.step.tolist() == [0, 1, 2, 3]
        assert points.value.tolist() == [2.0] * 4


def test_of_two_machines_all_samples_count():
    points = _once([piece(10, [0, 1], 1.0), piece(10, [0, 1], 2.0, writer="c" * 8)])
    assert sorted(points.value.tolist()) == [1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "x",
        {"w": None},
        {"w": {"cpu": 5}},
        {"w": {"cpu": {"mean": "x", "max": 1.0, "count": 1}}},
        {"w": {"cpu": {"mean": math.nan, "max": 1.0, "count": 1}}},
        {"w": {"cpu": {"mean": 1.0, "max": math.inf, "count": 1}}},
        {"w": {"cpu": {"mean": 1.0, "max": 1.0, "count": 0}}},
        {"w": {"cpu": {"mean": 1.0, "max": 1.0, "count": True}}},
        {"w": {"cpu": {"mean": 1.0, "max": 1.0, "count": 2**60}}},
        {"w": {"cpu": {"mean": 10**400, "max": 1.0, "count": 1}}},
    ],
)
def test_what_a_document_tells_wrongly_is_passed_over(told):
    assert not any(uses for _, uses in _told(told))


def test_means_of_several_machines_are_over_all_samples():
    one, other = Use(10.0, 30.0, 1), Use(20.0, 25.0, 3)
    assert _joined(one, other) == Use(17.5, 30.0, 4)
    assert _joined(one, other) == _joined(other, one)
