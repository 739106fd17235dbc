"""Figures, histograms and sound."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gtrack.errors import DamageError, UsageError
from gtrack.media.audio import audio_medium
from gtrack.media.figures import PLOTLY_TYPE, figure_medium, read_plotly
from gtrack.media.histograms import histogram_medium, histogram_of, read_histogram

ANY = arrays.arrays(np.float64, arrays.array_shapes(max_dims=2, max_side=20))


# -- histograms


@example(np.array([0.0, np.finfo(float).max]), 27)
@example(np.array([1e300, np.nextafter(1e300, 2e300)]), 64)
@example(np.array([0.0, 5e-324]), 64)
@given(ANY, st.integers(1, 100))
def test_a_histogram_counts_every_value(values: np.ndarray, bins: int) -> None:
    found = histogram_of(values, bins)
    assert sum(found.counts) + found.nan + found.infinite == found.count == values.size
    finite = values[np.isfinite(values)]
    assert found.min == (finite.min() if finite.size else None)
    assert found.max == (finite.max() if finite.size else None)
    assert list(found.edges) == sorted(found.edges)
    assert all(found.edges[0] <= value <= found.edges[-1] for value in finite.flat)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_integers_of_any_size_are_counted(values: list[int]) -> None:
    found = histogram_of(np.array(values, np.int64))
    assert sum(found.counts) == found.count == len(values)


@given(ANY)
def test_a_histogram_is_read_as_it_was_written(values: np.ndarray) -> None:
    assert read_histogram(histogram_medium(values).data) == histogram_of(values)


def test_counts_and_edges_are_taken_as_they_are() -> None:
    counts, edges = np.histogram(np.arange(10.0), 5)
    found = histogram_of((counts, edges))
    assert found.counts == (2, 2, 2, 2, 2)
    assert (found.count, found.min, found.max) == (10, 0.0, 9.0)
    weighted = histogram_of(([0.5, 1.5], [0, 1, 2]))
    assert weighted.counts == (0.5, 1.5) and weighted.count == 2.0
    assert histogram_of((1.0, 2.0)).count == 2, "two numbers are values"


@pytest.mark.parametrize(
    "values",
    ["text", ["a"], None, object(), ([1], [0, np.nan]), ([-1], [0, 1]), ([1, 1], [0, 2, 1]), ([], [0.0]), 1j],
)
def test_what_is_no_histogram_is_refused(values: object) -> None:
    with pytest.raises(UsageError):
        histogram_of(values)


@pytest.mark.parametrize("bins", [0, -1, 5000, True, "many", 1.5])
def test_a_number_of_bins_that_cannot_be_is_refused(bins: object) -> None:
    with pytest.raises(UsageError, match="bins"):
        histogram_of([1.0], bins)


SOUND = {"counts": [1], "edges": [0.0, 1.0], "count": 1, "min": 0.0, "max": 1.0, "nan": 0, "infinite": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [1, 2]},
        {"counts": ["x"]},
        {"counts": [True]},
        {"counts": [-1]},
        {"counts": {"a": 1}},
        {"counts": [1] * 5000, "edges": list(range(5001))},
        {"edges": [1.0, 0.0]},
        {"edges": None},
        {"count": "1"},
        {"nan": -1},
        {"min": []},
    ],
)
def test_a_forged_histogram_is_damage(change: dict[str, object]) -> None:
    assert asdict(read_histogram(json.dumps(SOUND).encode())) == {**SOUND, "counts": (1,), "edges": (0.0, 1.0)}
    with pytest.raises(DamageError):
        read_histogram(json.dumps({**SOUND, **change}).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"counts": [NaN]}', b" " * (2 << 20)])
def test_what_is_no_histogram_is_damage(data: bytes) -> None:
    with pytest.raises(DamageError):
        read_histogram(data)


# -- sound


def frames(data: bytes) -> tuple[wave._wave_params, bytes]:
    with wave.open(io.BytesIO(data)) as file:
        return file.getparams(), file.readframes(file.getnframes())


@settings(max_examples=40)
@given(
    st.sampled_from(("<i2", "<i4", "|u1", ">i2")).flatmap(
        lambda kind: arrays.arrays(kind, st.tuples(st.integers(20, 60), st.integers(1, 4)))
    )
)
def test_samples_of_integers_are_kept_bit_by_bit(samples: np.ndarray) -> None:
    said, raw = frames(audio_medium(samples, 8000).data)
    assert (said.nchannels, said.nframes, said.framerate) == (samples.shape[1], samples.shape[0], 8000)
    assert np.array_equal(np.frombuffer(raw, samples.dtype.newbyteorder("<")).reshape(samples.shape), samples)
    assert audio_medium(samples.T, 8000).data == audio_medium(samples, 8000).data, "channels may come first"


def test_floats_become_sixteen_bits() -> None:
    medium = audio_medium(np.array([0.0, 1.0, -1.0, 0.5]), 4)
    assert np.frombuffer(frames(medium.data)[1], "<i2").tolist() == [0, 32767, -32767, 16384]
    assert medium.details == {"format": "wav", "sample_rate": 4, "channels": 1, "samples": 4, "duration": 1.0}
    loud = audio_medium(np.array([np.nan, 2.0, -np.inf]), 4)
    assert np.frombuffer(frames(loud.data)[1], "<i2").tolist() == [0, 32767, -32767]
    assert len(loud.remarks) == 2


def test_a_file_of_sound_is_kept_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(audio_medium(np.zeros(800), 8000).data)
    medium = audio_medium(path)
    assert medium.data == path.read_bytes() and medium.details["duration"] == 0.1
    other = tmp_path / "song.mp3"
    other.write_bytes(b"ID3 whatever")
    assert audio_medium(str(other), 44100).details == {"format": "mp3", "sample_rate": 44100}


@pytest.mark.parametrize(
    ("sound", "rate"),
    [
        (np.zeros(10), None),
        (np.zeros(10), 0),
        (np.zeros(10), 44100.5),
        (np.zeros((2, 2, 2)), 8000),
        (np.zeros(0), 8000),
        (np.zeros((100, 40)), 8000),
        (np.zeros(10, np.int64), 8000),
        ("x", 8000),
        ("sound.txt", None),
    ],
)
def test_what_is_no_sound_is_refused(sound: object, rate: object) -> None:
    with pytest.raises(UsageError):
        audio_medium(sound, rate)


# -- figures


@pytest.fixture
def figure() -> Iterator[object]:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    made, axes = pyplot.subplots()
    axes.plot([1, 3, 2])
    yield made
    pyplot.close(made)


def test_a_figure_is_kept_and_stays_open(figure: object) -> None:
    from matplotlib import pyplot

    medium = figure_medium(figure)
    assert (medium.type, medium.suffix) == ("image/png", ".png")
    assert medium.details == {"format": "png", "library": "matplotlib", "width": 640, "height": 480}
    assert pyplot.fignum_exists(figure.number)  # type: ignore[attr-defined]
    assert figure_medium(figure.axes[0]).data == medium.data, "axes are of a figure"  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".jpg"])
def test_one_figure_is_the_same_bytes_again(figure: object, suffix: str) -> None:
    assert figure_medium(figure, suffix).data == figure_medium(figure, suffix).data


@pytest.mark.parametrize("thing", [None, 3, "plot.png", np.zeros((3, 3)), object()])
def test_what_is_no_figure_is_refused(thing: object) -> None:
    with pytest.raises(UsageError, match="is no figure"):
        figure_medium(thing)


def test_a_format_that_there_is_not_is_refused(figure: object) -> None:
    with pytest.raises(UsageError, match="html"):
        figure_medium(figure, ".html")


def test_a_figure_of_plotly_is_kept_as_data() -> None:
    objects = pytest.importorskip("plotly.graph_objects", reason="plotly is not installed")
    figure = objects.Figure(objects.Scatter(y=np.arange(3.0), name="<script>alert(1)</script>"))
    medium = figure_medium(figure)
    assert (medium.type, medium.suffix) == (PLOTLY_TYPE, ".json")
    assert read_plotly(medium.data)["data"][0]["type"] == "scatter"  # type: ignore[index]
    assert objects.Figure(read_plotly(medium.data)) == objects.Figure(json.loads(figure.to_json()))
    assert b"<html>" in figure_medium(figure, ".html").data
    with pytest.raises(UsageError):
        figure_medium(figure, ".gif")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"data": 1}', b'{"data": [], "layout": []}', b"\xff", b'{"data": ' + b"[" * 5000]
)
def test_what_is_no_figure_of_plotly_is_damage(data: bytes) -> None:
    with pytest.raises(DamageError):
        read_plotly(data)


def test_only_what_makes_a_figure_is_read() -> None:
    assert set(read_plotly(b'{"data": [], "layout": {}, "config": {"x": 1}}')) == {"data", "layout"}
