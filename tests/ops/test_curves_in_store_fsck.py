"""The check of curves in the store: a preview that does not fit what is said of the whole is found without it."""

from __future__ import annotations

import functools
import hashlib
import tempfile

import numpy as np
import pyarrow.compute as pc
import pytest
from spooling import RUN, end, log, make_repo, open_resume, open_run
from stored_curves import POINTS, branch_files, configure, forget, noise, preview_names, stored_repo

from gtrack.format import names, yaml
from gtrack.format.parquet import decode_metrics, encode_metrics, metrics_metadata
from gtrack.format.preview import MARK, Mark, read_mark
from gtrack.ops.curves import preview_of
from gtrack.ops.fsck import check
from gtrack.ops.fsck_curves import check_curves
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.load import RunFiles, documents_of
from gtrack.ops.seal import seal
from gtrack.spool.directory import SpoolRun

FOLDER = names.run_dir(RUN)


@functools.cache
def sealed():
    """Return the files of a run, by name, as sealing makes them with a store configured."""
    with tempfile.TemporaryDirectory() as spool:
        writer = open_run(spool)
        log(writer, [*noise(), float("nan")])
        log(writer, [3.0, 2.0], key="few")
        log(writer, [1.0], key="single")
        end(writer)
        done = seal(SpoolRun(f"{spool}/{RUN}"), RunFiles(RUN), in_store=lambda: True)
    return {path.removeprefix(f"{FOLDER}/"): data for path, data in done.files.items()}


def one(prefix):
    return next(name for name in sealed() if name.startswith(prefix))


def found_in(files):
    """Check files as ``gtrack fsck`` does, and return (level, kind of file, what is wrong)."""
    contents = {hashlib.sha256(data).hexdigest(): data for data in files.values()}
    entries = [(name, 0o100644, hashlib.sha256(data).hexdigest()) for name, data in files.items()]
    found = Findings()
    check_curves(FOLDER, documents_of(RUN, entries, contents), contents, found)
    return [(f.level, f.path.removeprefix(f"{FOLDER}/").partition("-")[0], f.what) for f in found.all()]


def with_end(**fields):
    """Return the files with other fields in the end file."""
    name = one("end-")
    data = yaml.dump(yaml.load(sealed()[name]) | fields)
    stamp = name.split("-")[1]
    return {**{n: d for n, d in sealed().items() if n != name}, names.end(stamp, data): data}


def with_preview(change=lambda columns: columns, **mark):
    """Return the files with other points in the preview, or another mark."""
    name = one("preview-")
    data = sealed()[name]
    table = decode_metrics(data)
    column = table["key"].chunk(0)
    columns = {"key": column.indices.to_numpy().copy(), "step": table["step"].to_numpy().copy()}
    columns |= {"time": table["time"].cast("int64").to_numpy().copy(), "value": table["value"].to_numpy().copy()}
    columns = change(columns)
    said = read_mark(metrics_metadata(data))
    text = Mark(**{"buckets": said.buckets, "points": said.points, "keys": said.keys, **mark}).to_text()
    key, *others = columns.values()
    return {**sealed(), name: encode_metrics(key, column.dictionary.to_pylist(), *others, metadata={MARK: text})}


def curves_of():
    return yaml.load(sealed()[one("end-")])["curves"]


def test_a_sound_run_has_no_findings():
    assert found_in(sealed()) == []
    assert len(one("preview-")) and curves_of()


def largest_gone(columns):
    at = np.nanargmax(columns["value"])
    return {name: np.delete(column, at) for name, column in columns.items()}


def smallest_moved(columns):
    columns["step"][np.nanargmin(columns["value"])] += 1
    return columns


def last_changed(columns):
    columns["value"][-1] = 0.5
    return columns


def nan_gone(columns):
    keep = ~np.isnan(columns["value"])
    keep[-1] = True
    columns["value"][-1] = 7.0
    return {name: column[keep] for name, column in columns.items()}


@pytest.mark.parametrize("change", [largest_gone, smallest_moved, last_changed, nan_gone])
def test_a_preview_that_does_not_fit_its_summary_is_named(change):
    findings = found_in(with_preview(change))
    assert ("error", "end", "the summary of 'loss' is not that of its preview") in findings


def test_a_preview_of_another_number_of_points_than_were_summarised_is_named():
    (finding,) = found_in(with_preview(points=POINTS + 1))
    assert finding == ("error", "end", f"it counts {POINTS + 3:,} values, and its previews are of {POINTS + 1:,}")


@pytest.mark.parametrize(
    ("mark", "what"),
    [
        ({"points": 3}, "more than the 3 that it is a preview of"),
        ({"points": 10**6}, "more than the range in its name"),
        ({"points": -1}, "cannot be"),
    ],
)
def test_a_preview_that_contradicts_itself_is_named(mark, what):
    ((level, kind, said),) = found_in(with_preview(**mark))
    assert (level, kind) == ("error", "preview") and what in said


def test_a_preview_without_a_mark_is_named():
    name = one("preview-")
    table = decode_metrics(sealed()[name])
    key = table["key"].chunk(0)
    columns = (table["step"].to_numpy(), table["time"].cast("int64").to_numpy(), table["value"].to_numpy())
    data = encode_metrics(key.indices.to_numpy(), key.dictionary.to_pylist(), *columns)
    assert found_in({**sealed(), name: data}) == [("error", "preview", "it does not say that it is a preview")]


def test_a_preview_that_is_no_parquet_is_named():
    ((level, kind, what),) = found_in({**sealed(), one("preview-"): b"PAR1" + b"\x00" * 100 + b"PAR1"})
    assert (level, kind) == ("error", "preview") and "Parquet" in what


def test_curves_in_the_store_without_a_preview_are_named():
    files = {name: data for name, data in sealed().items() if not name.startswith("preview-")}
    ((level, kind, what),) = found_in(files)
    assert (level, kind) == ("error", "end") and "there is no preview" in what


def test_a_preview_that_no_document_lists_is_named():
    files = {name: data for name, data in sealed().items() if not name.startswith("end-")}
    assert found_in(files) == [("warning", "preview", "no end or summary lists it")]


def test_a_preview_that_is_too_large_is_named():
    name = one("preview-")
    values = np.random.default_rng(0).normal(size=POINTS)
    steps = np.arange(POINTS)
    data = encode_metrics(
        np.zeros(POINTS, int), ["loss"], steps, steps, values, metadata={MARK: Mark(9, POINTS, 1).to_text()}
    )
    assert ("warning", "preview") in [finding[:2] for finding in found_in({**sealed(), name: data})]


def test_objects_that_cannot_be_are_named_and_so_is_one_of_two_sizes():
    (entry,) = curves_of()
    assert "curves[0] has no SHA-256" in str(found_in(with_end(curves=[entry | {"sha256": "../x"}])))
    assert "curves[1] names no segment of this document, or one twice" in str(found_in(with_end(curves=[entry, entry])))
    assert len(found_in(with_end(curves=[{}] * 50))) <= 8
    first, count = entry["segment"].rsplit("-", 2)[1:]
    half = entry["segment"].removesuffix(f"-{first}-{count}")
    parts = [f"{half}-0-10", f"{half}-10-{int(count) - 10}"]
    told = [entry | {"segment": parts[0]}, entry | {"segment": parts[1], "size": entry["size"] + 1}]
    assert "elsewhere" in str(found_in(with_end(segments=parts, curves=told)))


def test_of_very_many_metrics_some_are_shown_by_their_last_value_alone(tmp_path):
    keys = [f"layer.{number}/norm" for number in range(1500)]
    with make_repo(tmp_path / "repo") as repo:
        configure(repo, tmp_path / "store")
        writer = open_run(repo.repository.paths.spool)
        for number, key in enumerate(keys):
            log(writer, noise(6, number), key=key)
        end(writer)
        repo.recover()
        assert check(repo).findings == ()
        (preview,) = preview_names(repo)
        assert branch_files(repo)[preview] <= 32 << 10
        table = repo.run(RUN).curves(preview=True)
        assert preview_of(table) == 6 * 1500
        rows = {entry["values"]: entry["counts"] for entry in table["key"].value_counts().to_pylist()}
        assert len(rows) == 1500 and list(rows.values()).count(1) > 100
        last = table.filter(pc.equal(table["step"], 5))
        assert dict(zip(last["key"].to_pylist(), last["value"].to_pylist(), strict=True)) == repo.run(RUN).metrics
        assert len(repo.run(RUN).curves(full=True)) == 6 * 1500


def test_a_whole_repository_is_sound_with_and_without_what_is_in_the_store(tmp_path):
    with stored_repo(tmp_path) as repo:
        resumed = open_resume(repo.repository.paths.spool, "9c1d7b6e")
        log(resumed, noise(seed=5), first=POINTS // 2)
        end(resumed)
        repo.recover()
        assert check(repo).findings == ()
        forget(repo)
        assert check(repo).findings == ()
