"""Bounded console files: what is kept, folded, followed and sealed."""

from __future__ import annotations

import errno
import gzip
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.spool import output
from gtrack.spool.output import HEAD, SEALED, TAIL, OutputWriter, follow_output, read_output, seal_output


def wrote(stem, *chunks):
    writer = OutputWriter(stem)
    for chunk in chunks:
        writer.write(chunk)
    writer.close()
    assert writer.error is None
    return read_output(stem)


def lines(count, start=0):
    return b"".join(b"line %07d\n" % number for number in range(start, start + count))


def test_short_output_is_kept_as_it_came(tmp_path):
    assert wrote(tmp_path / "s", b"hello\n", b"\xff\xfe raw", b" bytes") == b"hello\n\xff\xfe raw bytes"


def test_no_output_is_no_file_and_no_seal(tmp_path):
    assert wrote(tmp_path / "s", b"") == b""
    assert seal_output(tmp_path / "s") is None
    assert list(tmp_path.iterdir()) == []


def test_every_write_is_on_disk_before_the_next(tmp_path):
    writer = OutputWriter(tmp_path / "s")
    writer.write(b"epoch 1\nunfinish")
    assert read_output(tmp_path / "s") == b"epoch 1\nunfinish"
    writer.write(b"ed")
    assert read_output(tmp_path / "s") == b"epoch 1\nunfinished"
    writer.close()


def test_of_a_progress_bar_only_the_last_state_is_kept(tmp_path):
    bar = [b"\r%3d%%|%s" % (done, b"#" * (done // 10)) for done in range(101)]
    assert wrote(tmp_path / "s", b"start\n", *bar, b"\nend\n") == b"start\n100%|##########\nend\n"


def test_an_unfinished_bar_shows_its_present_state_on_disk(tmp_path):
    assert wrote(tmp_path / "s", b"100 long\r", b"7\r") == b"7"


def test_a_carriage_return_before_the_newline_is_a_line_end(tmp_path):
    assert wrote(tmp_path / "s", b"dos\r", b"\nlines\r\n") == b"dos\nlines\n"


def test_head_and_tail_are_kept_and_the_gap_is_counted(tmp_path):
    text = lines(100_000)
    kept = wrote(tmp_path / "s", *(text[at : at + 5000] for at in range(0, len(text), 5000)))
    head, gap, tail = re.split(rb"\.\.\. ([0-9,]+) bytes left out \.\.\.\n", kept)
    assert text.startswith(head) and HEAD - 8192 <= len(head) <= HEAD
    assert text.endswith(tail) and len(tail) >= TAIL
    assert int(gap.replace(b",", b"")) == len(text) - len(head) - len(tail)


def test_endless_output_takes_bounded_space_and_memory(tmp_path):
    writer = OutputWriter(tmp_path / "s")
    for _ in range(40):
        writer.write(b"x" * 65536)  # not even a newline
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 3 * (HEAD + 16384)
    assert len(writer._line) <= 8192
    writer.close()
    assert read_output(tmp_path / "s").endswith(b"x" * TAIL)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 30_000), min_size=1, max_size=60),
    st.lists(st.integers(0, 59), max_size=3),
    st.integers(1, 400),
)
def test_any_cutting_into_writes_and_writers_keeps_both_ends(tmp_path_factory, sizes, restarts, width):
    stem = tmp_path_factory.mktemp("any") / "s"
    text = b"".join(b"%0*d\n" % (width, number) for number in range(sum(sizes) // (width + 1) + 1))[: sum(sizes)]
    writer, at = OutputWriter(stem), 0
    for index, size in enumerate(sizes):
        if index in restarts:
            writer.close()
            writer = OutputWriter(stem)
        writer.write(text[at : at + size])
        at += size
    writer.close()
    kept = read_output(stem)
    if len(text) <= HEAD - 8192:
        assert kept == text
    assert kept[: HEAD - 8192] == text[: HEAD - 8192]
    assert kept[-min(TAIL, len(kept)) :][-len(text) :] == text[-min(TAIL, len(kept)) :]
    assert gzip.decompress(seal_output(stem))[:1000] == text[:1000]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab\r\n", max_size=12), max_size=20))
def test_folding_does_not_depend_on_how_the_bytes_arrive(tmp_path_factory, chunks):
    folder = tmp_path_factory.mktemp("fold")
    whole = "".join(chunks).encode()
    assert wrote(folder / "a", *(chunk.encode() for chunk in chunks)) == wrote(folder / "b", whole)


def test_the_seal_is_small_whole_lines_and_the_same_every_time(tmp_path):
    writer = OutputWriter(tmp_path / "s")
    for _ in range(1000):
        writer.write(b"".join(os.urandom(60).hex().encode() + b"\n" for _ in range(32)))
    writer.close()
    sealed = seal_output(tmp_path / "s")
    assert sealed == seal_output(tmp_path / "s")
    assert len(sealed) <= 256 * 1024
    text = gzip.decompress(sealed)
    assert SEALED - 500 <= len(text) <= SEALED
    assert all(len(line) == 120 or b"left out" in line for line in text.splitlines())


def test_incompressible_output_still_seals_under_the_limit(tmp_path):
    wrote(tmp_path / "s", os.urandom(600_000).replace(b"\r", b"."))
    assert len(seal_output(tmp_path / "s")) <= 256 * 1024


def test_a_full_disk_stops_the_writer_quietly(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = OutputWriter(tmp_path / "s")
    writer.write(b"kept\n")
    monkeypatch.setattr(output.os, "pwrite", full)
    writer.write(b"lost\n")
    monkeypatch.undo()
    writer.write(b"lost too\n")
    assert writer.error.errno == errno.ENOSPC
    assert read_output(tmp_path / "s") == b"kept\n"


def test_a_missing_directory_stops_the_writer_quietly(tmp_path):
    writer = OutputWriter(tmp_path / "no" / "s")
    writer.write(b"lost\n")
    assert isinstance(writer.error, FileNotFoundError)


def test_a_link_planted_in_a_spool_is_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret\n")
    (tmp_path / "s.console").symlink_to(tmp_path / "secret")
    assert read_output(tmp_path / "s") == b""


@pytest.mark.parametrize("mark", [b"", b"@", b"@-0000000000001\n", b"@99999999999999\nend\n", b"garbage" * 9])
def test_a_damaged_tail_does_not_break_the_reader(tmp_path, mark):
    (tmp_path / "s.console").write_bytes(b"head\n")
    (tmp_path / "s.console.old").write_bytes(mark)
    (tmp_path / "s.console.tail").write_bytes(mark)
    assert read_output(tmp_path / "s").startswith(b"head\n")
    assert gzip.decompress(seal_output(tmp_path / "s")).startswith(b"head\n")


def test_following_survives_rotation_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "_POLL", 0)
    writer = OutputWriter(tmp_path / "s")
    steps = iter(range(60))

    def stop():
        step = next(steps, None)
        if step is not None:
            writer.write(lines(1000, step * 1000))
        return step is None

    assert b"".join(follow_output(tmp_path / "s", stop)) == lines(60_000)
    writer.close()


def test_a_follower_left_behind_is_told_what_it_missed(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "_POLL", 0)
    writer = OutputWriter(tmp_path / "s")
    batches = iter([lines(10), lines(100_000, 10), None])

    def stop():
        batch = next(batches)
        if batch is not None:
            writer.write(batch)
        return batch is None

    seen = b"".join(follow_output(tmp_path / "s", stop))
    writer.close()
    assert seen.startswith(lines(10)) and seen.endswith(lines(10_000, 90_010))
    assert seen.count(b"bytes left out") == 1


def test_a_follower_sees_an_overwritten_line_as_a_terminal_would(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "_POLL", 0)
    writer = OutputWriter(tmp_path / "s")
    batches = iter([b"loading", b" data\n 10%", b"\r 20%", b"\ndone\n"])

    def stop():
        batch = next(batches, None)
        writer.write(batch or b"")
        return batch is None

    assert list(follow_output(tmp_path / "s", stop)) == [b"loading", b" data\n 10%", b"\r 20%", b"\ndone\n"]
    writer.close()
