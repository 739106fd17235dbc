"""The ledger: facts of one process, a line each."""

from __future__ import annotations

import errno
import math
import resource
import signal
import threading
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.spool.ledger import Ledger, read_ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "9c1d7b6e-00000000.jsonl"


@contextmanager
def ledger_at(path):
    ledger = Ledger(str(path))
    try:
        yield ledger
    finally:
        ledger.close()


def entries_at(path):
    return list(read_ledger(str(path)))


def test_lines_come_back_in_their_order_with_their_time(path):
    with ledger_at(path) as ledger:
        ledger.append("logged", {"params": {"lr": 0.1, "deep": {"a": [1, None, "é\n"]}}})
        ledger.append("note", {"text": "two\nlines\u2028and more"})
    first, second = entries_at(path)
    assert (first["kind"], first["params"]) == ("logged", {"lr": 0.1, "deep": {"a": [1, None, "é\n"]}})
    assert second["text"] == "two\nlines\u2028and more"
    assert first["at"] <= second["at"]


def test_nan_and_infinities_survive(path):
    with ledger_at(path) as ledger:
        ledger.append("logged", {"params": {"a": math.nan, "b": math.inf, "c": -math.inf}})
    params = entries_at(path)[0]["params"]
    assert math.isnan(params["a"])
    assert (params["b"], params["c"]) == (math.inf, -math.inf)


def test_a_line_is_in_the_file_when_its_call_returns(path):
    with ledger_at(path) as ledger:
        for number in range(3):
            ledger.append("note", {"text": str(number)})
            assert entries_at(path)[-1]["text"] == str(number)


def test_a_torn_last_line_is_passed_over(path):
    with ledger_at(path) as ledger:
        ledger.append("note", {"text": "whole"})
        ledger.append("note", {"text": "torn"})
    data = path.read_bytes()
    for size in range(data.index(b"\n") + 1, len(data)):
        path.write_bytes(data[:size])
        assert [entry["text"] for entry in entries_at(path)] == ["whole"]


def test_a_short_write_is_taken_back_so_that_the_next_line_stands_alone(path):
    with ledger_at(path) as ledger:
        ledger.append("note", {"text": "before"})
        size = path.stat().st_size
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limit[1]))
        try:
            with pytest.raises(OSError, match="large") as caught:
                ledger.append("note", {"text": "too long for the disk"})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            signal.signal(signal.SIGXFSZ, handler)
        assert caught.value.errno == errno.EFBIG
        assert path.stat().st_size == size
        ledger.append("note", {"text": "after"})
    assert [entry["text"] for entry in entries_at(path)] == ["before", "after"]


def test_threads_share_a_ledger_line_by_line(path):
    with ledger_at(path) as ledger:
        threads = [
            threading.Thread(target=lambda n=n: [ledger.append("note", {"text": f"{n}.{at}"}) for at in range(100)])
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(entry["text"] for entry in entries_at(path)) == sorted(
        f"{n}.{at}" for n in range(4) for at in range(100)
    )


def test_a_closed_ledger_raises_and_closing_twice_is_harmless(path):
    ledger = Ledger(str(path))
    ledger.close()
    ledger.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        ledger.append("note", {"text": "late"})
    with pytest.raises(FileExistsError):
        Ledger(str(path))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300) | st.text(alphabet='{}[]":,\n \\$0eanulkid', max_size=200).map(str.encode))
def test_reading_any_bytes_gives_entries_of_a_kind(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "hostile.jsonl"
    path.write_bytes(b'{"kind":"note","text":"mine"}\n' + data)
    entries = entries_at(path)
    assert entries[0]["text"] == "mine"
    assert all(isinstance(entry["kind"], str) for entry in entries)
