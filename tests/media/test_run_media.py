"""Media of a run: from the log call to whoever reads the run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gtrack
from gtrack.errors import MissingExtraError, UsageError
from gtrack.media import tables
from gtrack.media.histograms import read_histogram

PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def recorded() -> gtrack.RecordedRun:
    with gtrack.Repo(".") as repo:
        return repo.run("last")


def test_media_are_recorded_with_what_is_known_of_them(here: Path) -> None:
    with gtrack.start_run():
        image = gtrack.log_image(PIXELS, "val/samples", step=10, caption="after ten steps")
        table = gtrack.log_table({"feature": ["age", "income"], "importance": [0.7, 0.3]}, "importance")
        histogram = gtrack.log_histogram(np.arange(10.0), "weights", step=10, bins=5)
        sound = gtrack.log_audio(np.zeros(800), "speech", step=10, sample_rate=8000)
    with gtrack.Repo(".") as repo:
        run = repo.run("last")
        found = run.artifacts()
        assert set(found) == {image, table, histogram, sound}
        said = {"kind": "image", "key": "val/samples", "step": 10, "caption": "after ten steps"}
        assert found[image].media == said | {"format": "png", "width": 4, "height": 4}
        said = {"kind": "table", "key": "importance", "step": None}
        assert found[table].media == said | {"format": "parquet", "rows": 2, "columns": 2}
        assert found[sound].media["duration"] == 0.1
        assert {path: artifact.type for path, artifact in found.items()} == {
            image: "image/png",
            table: "application/vnd.apache.parquet",
            histogram: "application/json",
            sound: "audio/wav",
        }
        assert tables.read(run.read_artifact(table)).to_pydict()["importance"] == [0.7, 0.3]
        assert read_histogram(run.read_artifact(histogram)).counts == (2, 2, 2, 2, 2)


def test_the_same_medium_twice_is_one_and_another_one_is_not(here: Path) -> None:
    with gtrack.start_run() as run:
        first = run.log_image(PIXELS, "samples", step=1)
        assert run.log_image(PIXELS.copy(), "samples", step=1) == first
        others = {run.log_image(PIXELS, "samples", step=2), run.log_image(PIXELS + 1, "samples", step=1)}
    assert set(recorded().artifacts()) == {first, *others}
    assert len(others) == 2


def test_calls_written_for_mlflow_work(here: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, _ = pyplot.subplots()
    with gtrack.start_run():
        assert gtrack.log_figure(figure, "plots/roc.png") == "plots/roc.png"
        assert gtrack.log_figure(figure, artifact_file="plots/roc.svg") == "plots/roc.svg"
        assert gtrack.log_figure(figure, "fine.png", save_kwargs={"dpi": 200}) == "fine.png"
        assert gtrack.log_image(PIXELS, "picture.png") == "picture.png"
        keyed = gtrack.log_image(PIXELS, key="dogs", step=3, timestamp=1_700_000_000_000, synchronous=False)
        gtrack.log_table({"a": [1]}, "eval.json")
        gtrack.log_table({"a": [2]}, artifact_file="eval.json")
    pyplot.close(figure)
    found = recorded().artifacts()
    assert found["fine.png"].media["width"] == 1280
    assert found["plots/roc.svg"].type == "image/svg+xml"
    assert found[keyed].media["timestamp"] == 1_700_000_000_000
    assert [artifact.media["key"] for path, artifact in found.items() if path.endswith(".parquet")] == ["eval", "eval"]


class Odd:
    """What raises from wherever it is touched."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")


THINGS = {
    "none": None,
    "an object": object(),
    "odd": Odd(),
    "no file": "no/such/file.png",
    "no image": np.zeros((2, 9, 9)),
    "ragged": [[1], []],
}


@pytest.mark.parametrize("name", THINGS)
def test_a_bad_argument_warns_once_and_training_goes_on(
    here: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = THINGS[name]
    with gtrack.start_run() as run:
        for _ in range(2):
            assert run.log_image(thing, "bad") == ""
            assert run.log_figure(thing, "bad") == ""
            assert run.log_audio(thing, "bad", sample_rate=8000) == ""
            assert run.log_table(thing, "bad") == ""
        run.log_metric("loss", 1.0)
    assert capsys.readouterr().err.count("'bad' was not logged") == 1
    assert recorded().artifacts() == {}


def test_a_bad_key_or_step_warns_and_training_goes_on(here: Path) -> None:
    pairs: list[tuple[Any, Any]] = [(None, 1), ("", 1), (7, 1), ("a", 1.5), ("a", "x"), ("a", 2**63), ("a", Odd())]
    with gtrack.start_run() as run:
        for key, step in pairs:
            assert run.log_image(PIXELS, key, step) == ""
        assert run.log_image(PIXELS, "fine", np.int64(3)).startswith("media/image/fine/3-")


def test_strictness_raises(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTRACK_STRICT", "1")
    with gtrack.start_run() as run, pytest.raises(UsageError, match="is no figure"):
        run.log_figure(3, "bad")


def test_a_missing_package_is_told_once_with_what_to_type(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with gtrack.start_run() as run:
        assert run.log_image(PIXELS, "plain")
        assert run.log_image(PIXELS, "one.jpg") == run.log_image(PIXELS, "other.jpg") == ""
    assert capsys.readouterr().err.count("pip install 'gtrack[media]'") == 1
    monkeypatch.setenv("GTRACK_STRICT", "1")
    with gtrack.start_run() as run, pytest.raises(MissingExtraError):
        run.log_image(PIXELS, "one.jpg")


def test_keys_of_any_spelling_stay_apart_and_inside(here: Path) -> None:
    keys = ["../../x", "/etc/passwd", "a:b", "a_b", ".git/hooks/post-commit", "con", "k" * 600, "tab\tkey", "\ud800"]
    with gtrack.start_run() as run:
        paths = [run.log_image(PIXELS, key) for key in keys]
    assert len(set(paths)) == len(keys)
    found = recorded().artifacts()
    assert set(found) == set(paths)
    assert {found[path].media["key"] for path in paths[:6]} == set(keys[:6])


def test_images_of_pillow_and_values_out_of_range_are_kept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    with gtrack.start_run() as run:
        assert run.log_image(image.new("RGB", (3, 2)), "pillow")
        for step in range(3):
            assert run.log_image(np.full((2, 2), 7.0), "bright", step)
    assert capsys.readouterr().err.count("clipped") == 1


def test_a_call_after_the_end_warns_and_raises_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gtrack.start_run() as run:
        pass
    assert run.log_image(PIXELS, "late") == run.log_checkpoint("model.py") == ""
    assert run.best_checkpoint() is None
    assert capsys.readouterr().err.count("has ended") == 1
