"""Curves with a store configured: previews on the branch, the whole in the store, and nothing thinned without one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from spooling import RUN, SESSION, end, log, make_repo, open_resume, open_run
from stored_curves import (
    POINTS,
    again,
    branch_files,
    configure,
    forget,
    found_in,
    noise,
    preview_names,
    send,
    stored_repo,
)

from gtrack.cli.curves import Wanted, drawn_runs
from gtrack.curve_tables import curves as curves_of_runs
from gtrack.errors import DamageError, NotFoundError, UsageError
from gtrack.format.names import Segment, parse_run_file
from gtrack.format.parquet import decode_metrics
from gtrack.model.fold import Document
from gtrack.ops.curve_source import CurveSource, Detail, stored_curves
from gtrack.ops.curves import curves, preview_of
from gtrack.ops.export import export_dataset
from gtrack.ops.keep_objects import cache_of, outbox_of
from gtrack.ops.load import RunFiles
from gtrack.ops.seal import seal
from gtrack.ops.seal_curves import PREVIEW_BYTES, curve_objects, leading_keys, seal_curves
from gtrack.ops.sealing import seal_spools
from gtrack.spool.directory import SpoolRun
from gtrack.spool.reading import Points, summarise


def points_of(series, first=0):
    """Return series of one journal, and its segment of as many records."""
    keys = list(series)
    key = np.repeat(np.arange(len(keys)), [len(values) for values in series.values()])
    step = np.concatenate([np.arange(len(values)) for values in series.values()])
    value = np.concatenate([np.array(values, float) for values in series.values()])
    given = Points(keys, key, step, 1_795_000_000_000_000 + step, value, np.full(len(key), -1, np.int32))
    return [(Segment(SESSION, "0a1b2c3d", first, len(key) + len(keys) + 1), given)]


def values_of(table, key="loss"):
    picked = [row for row in table.to_pylist() if row["key"] == key]
    return [row["step"] for row in picked], [row["value"] for row in picked]


# -- sealing


def test_long_curves_are_a_preview_on_the_branch_and_whole_in_the_store(tmp_path):
    with stored_repo(tmp_path) as repo:
        files = branch_files(repo)
        assert not [name for name in files if name.startswith("metrics-")]
        (preview,) = preview_names(repo)
        assert files[preview] <= PREVIEW_BYTES
        (end_,) = (doc for doc in repo.run(RUN).documents if doc.kind == "end")
        (entry,) = end_.body["curves"]
        data = cache_of(repo.repository).read(entry["sha256"])
        assert len(data) == entry["size"] and [entry["segment"]] == end_.body["segments"]
        assert entry["blob"] == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        (waiting,) = outbox_of(repo.repository).entries()
        assert (waiting.digest, waiting.size, waiting.runs) == (entry["sha256"], len(data), (RUN,))


def test_without_a_store_nothing_is_thinned(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        writer = open_run(repo.repository.paths.spool)
        log(writer, noise())
        end(writer)
        repo.recover()
        assert not preview_names(repo)
        assert "curves" not in repo.run(RUN).documents[-1].body
        assert values_of(repo.run(RUN).curves()) == (list(range(POINTS)), noise())
        assert list(cache_of(repo.repository).digests()) == []


def test_short_curves_stay_whole_and_no_store_is_asked_for():
    def asked():
        raise AssertionError("nobody needs a store for this")

    done = seal_curves(points_of({f"metric {n}": noise(100, n) for n in range(10)}), inline=(), in_store=asked)
    (name,) = done.files
    assert parse_run_file(name).kind == "metrics"
    assert (done.objects, done.entries) == ({}, [])


def test_no_more_goes_into_the_store_than_a_preview_would_leave_out():
    for first, most in ((0, PREVIEW_BYTES), (10, 4096)):
        for count in (100, 300, 1000, 3000, 6000):
            done = seal_curves(points_of({"loss": noise(count)}, first), inline=(), in_store=lambda: True)
            assert sum(map(len, done.files.values())) <= most
            assert bool(done.objects) == any(name.startswith("preview-") for name in done.files)
            assert all(len(data) > most for data in done.objects.values())


def test_many_values_are_an_object_a_segment_and_one_preview():
    (whole,) = points_of({"loss": noise(5000), "acc": noise(5000, 1)})
    segment, given = whole
    parts = []
    for first, mask in ((0, given.step < 2000), (5000, given.step >= 2000)):
        parts.append((Segment(SESSION, segment.writer, first, 5000), given.select(mask)))
    done = seal_curves(parts, inline=(), in_store=lambda: True)
    assert list(done.files) == [f"preview-{SESSION}-{segment.writer}-0-10000.parquet"]
    assert [entry["segment"] for entry in done.entries] == [str(part) for part, _ in parts]
    assert {entry["sha256"] for entry in done.entries} == set(done.objects)


def test_sealing_twice_gives_the_same_previews_and_objects(tmp_path):
    writer = open_run(tmp_path)
    log(writer, noise())
    end(writer)
    one, other = (seal(SpoolRun(str(tmp_path / RUN)), RunFiles(RUN), in_store=lambda: True) for _ in range(2))
    assert (one.files, one.curves) == (other.files, other.curves)
    assert len(one.curves) == 1


def test_the_segments_of_a_live_run_have_small_previews_and_lose_nothing(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        configure(repo, tmp_path / "store")
        writer = open_run(repo.repository.paths.spool)
        counts = (6000, 3000, 50, 2000)
        for number, count in enumerate(counts):
            log(writer, noise(count, number), first=sum(counts[:number]))
            with repo.repository.lock():
                seal_spools(repo.repository, [SpoolRun(f"{repo.repository.paths.spool}/{RUN}")], live=True)
        log(writer, noise(7, 9), first=sum(counts))
        end(writer)
        repo.recover()
        files = branch_files(repo)
        previews = {
            parse_run_file(name).segment.first: size for name, size in files.items() if name in preview_names(repo)
        }
        sizes = [previews[first] for first in sorted(previews)]
        assert 4096 < sizes[0] <= PREVIEW_BYTES and all(size <= 4096 for size in sizes[1:]) and len(sizes) == 3
        assert len([name for name in files if name.startswith("metrics-")]) == 2, "what is small stays whole"
        written = [value for number, count in enumerate(counts) for value in noise(count, number)] + noise(7, 9)
        assert values_of(repo.run(RUN).curves(full=True))[1] == written
        short = repo.run(RUN).curves(preview=True)
        assert preview_of(short) == len(written) > 4 * len(short)
        assert values_of(short)[1][-7:] == noise(7, 9)
        assert (min(values_of(short)[1]), max(values_of(short)[1])) == (min(written), max(written))


def test_metrics_with_a_goal_lead_then_those_whose_name_tells_one():
    keys = ["a", "grad/norm", "val/deep/loss", "val_loss", "z"]
    assert leading_keys(keys, {"z": "max"}) == ["z", "val_loss", "val/deep/loss"]


def test_a_resumed_session_counts_what_it_keeps_of_curves_in_the_store(tmp_path):
    steps = POINTS
    with make_repo(tmp_path / "repo") as repo:
        configure(repo, tmp_path / "store")
        spool = repo.repository.paths.spool
        first = open_run(spool)
        log(first, noise(steps))
        end(first, "failed")
        repo.recover()
        resumed = open_resume(spool, SESSION)
        log(resumed, [9.0, -9.0], first=1234)
        end(resumed)
        shutil.copytree(Path(spool) / RUN, tmp_path / "spool" / RUN)
        view, _ = found_in(repo)
        alone = seal(SpoolRun(str(tmp_path / "spool" / RUN)), view.files(RUN)).documents[-1].body["metrics"]["loss"]
        assert alone["partial"] is True, "a preview does not tell what was before a step"
        repo.recover()
        summary = repo.run(RUN).summary["loss"]
        kept = noise(steps)[:1234]
        assert (summary.count, summary.partial, summary.last) == (1236, False, -9.0)
        assert sum(kept) == pytest.approx(sum(values_of(repo.run(RUN).curves())[1][:1234]))


# -- reading


def test_without_the_whole_a_preview_is_read_and_says_so(tmp_path):
    with stored_repo(tmp_path) as repo:
        assert preview_of(repo.run(RUN).curves()) is None
        forget(repo)
        with pytest.warns(UserWarning, match=r"preview of [\d,]+ of 6,000 points") as warned:
            table = repo.run(RUN).curves("loss")
        assert warned[0].filename == __file__
        assert preview_of(table) == POINTS > len(table)
        whole, short = (summarise(points_of({"loss": values})[0][1]) for values in (noise(), values_of(table)[1]))
        for name in ("last", "min", "max"):
            assert getattr(whole["loss"], name) == getattr(short["loss"], name)
        # What the preview holds whole is no preview.
        assert preview_of(repo.run(RUN).curves(["few", "single"])) is None
        assert values_of(repo.run(RUN).curves(["few"]), "few")[0] == [0, 1, 2]


def test_whole_curves_come_from_the_store_and_stay(tmp_path):
    with stored_repo(tmp_path) as repo:
        send(repo, tmp_path / "store")
        forget(repo)
        view, state = found_in(repo)
        assert preview_of(curves(view, state, None, Detail.AT_HAND)) is not None, "a chart waits for no store"
        assert values_of(repo.run(RUN).curves()) == (list(range(POINTS)), noise())
        shutil.rmtree(tmp_path / "store")
        with again(repo) as later:
            assert values_of(later.run(RUN).curves(full=True)) == (list(range(POINTS)), noise())
            assert preview_of(later.run(RUN).curves(preview=True)) == POINTS + 4


def test_the_whole_or_nothing_is_an_error_that_says_why(tmp_path):
    with stored_repo(tmp_path) as repo:
        forget(repo)
        with pytest.raises(NotFoundError, match=r"not to be had: object [0-9a-f]{12}: ") as raised:
            repo.run(RUN).curves(full=True)
        assert "gtrack store status" in raised.value.hint
        with pytest.raises(NotFoundError, match=f"run {RUN[:7]}: "):
            curves_of_runs(repo.run(RUN), full=True)
        for read in (repo.run(RUN).curves, lambda **asked: curves_of_runs(repo.run(RUN), **asked)):
            with pytest.raises(UsageError, match="in full or as a preview"):
                read(full=True, preview=True)


def test_a_damaged_object_is_not_believed_and_a_sound_one_is_fetched(tmp_path):
    with stored_repo(tmp_path) as repo:
        send(repo, tmp_path / "store")
        cache = cache_of(repo.repository)
        (digest,) = cache.digests()
        path = cache.path(digest)
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            file.write(b"PAR2")
        with pytest.warns(UserWarning, match=f"{digest} in the cache is damaged, and was removed"):
            assert values_of(repo.run(RUN).curves(full=True)) == (list(range(POINTS)), noise())
        assert cache.verify(digest)
        # Damaged at both places, the preview is left.
        for place in (path, tmp_path / "store" / "objects" / digest[:2] / digest):
            os.chmod(place, 0o600)
            with open(place, "r+b") as file:
                file.write(b"PAR2")
        with pytest.warns(UserWarning) as told:
            assert preview_of(repo.run(RUN).curves()) == POINTS + 4
        assert [digest in str(told[0].message), "preview" in str(told[-1].message)] == [True, True]


def test_many_runs_are_what_each_is_alone(tmp_path):
    ids = [f"{number:02x}{number:030d}" for number in range(18)]
    long = ids[3::5]
    with stored_repo(tmp_path, runs=ids, long=long) as repo:
        send(repo, tmp_path / "store")
        forget(repo)
        previews = curves_of_runs(repo.search(), preview=True)
        assert preview_of(previews) == len(long) * (POINTS + 4) + (len(ids) - len(long)) * 4
        said = json.loads(previews.schema.metadata[b"gtrack.preview"])
        assert sorted(said["runs"]) == long
        whole = curves_of_runs(repo.search(), full=True)
        assert whole.schema.metadata is None
        for run in repo.search():
            mine = whole.filter(pc.equal(whole["run"].cast("string"), run.id)).drop_columns(["run"])
            assert repr(mine.to_pylist()) == repr(run.curves().to_pylist())
            assert preview_of(run.curves()) is None


def test_an_export_fetches_the_whole_and_names_what_is_a_preview(tmp_path, capsys):
    with stored_repo(tmp_path) as repo:
        forget(repo)
        groups = [(run.view, [run.state]) for run in repo.search()]
        done = export_dataset(str(tmp_path / "one"), repo.search().to_arrow(), groups)
        assert done.previews == {RUN: POINTS + 4} and done.points < POINTS
        assert json.loads((tmp_path / "one" / "_gtrack_export.json").read_text())["previews"] == done.previews
    with stored_repo(tmp_path / "other") as repo:
        send(repo, tmp_path / "other" / "store")
        forget(repo)
        groups = [(run.view, [run.state]) for run in repo.search()]
        done = export_dataset(str(tmp_path / "two"), repo.search().to_arrow(), groups)
        assert (done.previews, done.points) == ({}, POINTS + 4)


def test_a_chart_is_drawn_from_a_preview_and_says_so(tmp_path):
    with stored_repo(tmp_path) as repo:
        said = []
        drawn_runs(repo, repo.search(), Wanted(metrics=("loss",)), said.append)
        assert said == []
        send(repo, tmp_path / "store")
        forget(repo)
        ((run,), _) = drawn_runs(repo, repo.search(), Wanted(metrics=("loss",)), said.append)
        assert said == ["preview of 6,000 points; gtrack pull --artifacts brings the rest"]
        assert 100 < len(run.curves["loss"].value) < POINTS
        assert list(cache_of(repo.repository).digests()) == []


# -- what anybody may have written

DIGEST = "ab" * 32
SEGMENT = f"{SESSION}-0a1b2c3d-0-10"
SOUND = {"segment": SEGMENT, "sha256": DIGEST, "size": 10}


def document(named):
    return Document("end", "end", {"segments": [SEGMENT], "curves": named})


def test_objects_are_read_as_they_are_written():
    found, wrong = curve_objects(document([SOUND | {"blob": "cd" * 20, "later": 1}]))
    (one,) = found.values()
    assert (str(one.segment), one.digest, one.size, one.blob, wrong) == (SEGMENT, DIGEST, 10, "cd" * 20, [])
    assert curve_objects(Document("end", "end", {"segments": [SEGMENT]})) == ({}, [])


@pytest.mark.parametrize(
    "named",
    [
        None, "x", {}, [None], [[]], [SOUND | {"segment": SEGMENT[:-1] + "1"}], [SOUND | {"segment": None}],
        [SOUND | {"sha256": "../../../etc/passwd"}], [SOUND | {"sha256": DIGEST.upper()}], [SOUND | {"sha256": 7}],
        [SOUND | {"size": True}], [SOUND | {"size": 0}], [SOUND | {"size": -1}], [SOUND | {"size": 10**12}],
        [SOUND | {"size": "10"}],
    ],
)  # fmt: skip
def test_what_cannot_be_an_object_of_curves_does_not_count_and_is_named(named):
    found, wrong = curve_objects(document(named))
    assert found == {} and len(wrong) == 1


def test_two_objects_of_one_segment_are_one():
    found, wrong = curve_objects(document([SOUND, SOUND | {"sha256": "cd" * 32}]))
    assert [one.digest for one in found.values()] == [DIGEST] and len(wrong) == 1


def test_an_object_of_another_size_or_content_is_damage(tmp_path):
    with stored_repo(tmp_path) as repo:
        (one,) = stored_curves(repo.run(RUN).view.files(RUN))
        source = CurveSource(repo.repository, Detail.AT_HAND)
        with pytest.raises(DamageError, match="were recorded"):
            source(dataclasses.replace(one, size=one.size + 1))
        other = cache_of(repo.repository).add_bytes(b"a private file of this machine")
        data = source(dataclasses.replace(one, digest=other, size=30))
        with pytest.raises(DamageError):
            decode_metrics(data)
