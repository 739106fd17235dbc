"""What an import costs is what it loads: nothing heavy before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gtrack

HEAVY = {
    "pyarrow",
    "fsspec",
    "dulwich",
    "numpy",
    "streamlit",
    "yaml",
    "click",
    "lark",
    "pandas",
    "torch",
    "psutil",
    "pynvml",
}


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_gtrack_loads_nothing_heavy() -> None:
    assert not loaded_by("import gtrack") & HEAVY
    assert not loaded_by("import gtrack; gtrack.start_run; gtrack.log_metric") & HEAVY


def test_a_reader_is_importable_without_anything_heavy() -> None:
    assert not loaded_by("import gtrack; gtrack.Repo") & (HEAVY - {"yaml"})


def test_recording_curves_loads_no_pandas() -> None:
    pytest.importorskip("pandas")
    # A script that ends without end_run records when Python starts no thread pools any more, which pandas wants to do.
    one = "np.zeros(1, np.int64)"
    encoding = f"encode_metrics({one}, ['loss'], {one}, {one}, np.ones(1), metadata={{'a': 'b'}})"
    assert "pandas" not in loaded_by(
        f"import numpy as np; from gtrack.format.parquet import encode_metrics; {encoding}"
    )


def test_every_public_name_exists_and_says_what_it_is() -> None:
    for name in gtrack.__all__:
        assert getattr(gtrack, name).__doc__, name
    assert set(gtrack.__all__) <= set(dir(gtrack))


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(gtrack, "log_everything")
