"""A model's folder may be anybody's: nothing of it runs, and nothing outside of it is read."""

from __future__ import annotations

import contextlib
import pickle
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import DamageError, GtrackError, NotFoundError, UsageError
from gtrack.flavors.flavor import FLAVORS, Trust
from gtrack.flavors.loading import load_folder
from gtrack.flavors.mlmodel import parse_mlmodel
from gtrack.flavors.pyfunc import _load_pyfunc
from gtrack.flavors.saving import save_model


class Runs:
    """What makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def mlmodel(folder: Path, flavor: str, details: dict[str, object], **fields: object) -> None:
    document = {"flavors": {flavor: {"gtrack": {"flavor": flavor, **details}}}, **fields}
    (folder / "MLmodel").write_text(yaml.safe_dump(document))


@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("kind", ["cloudpickle", "pickle", "skops", "torchscript", "safetensors", "source", "", None])
def test_a_file_that_runs_code_does_not_run(flavor, kind, folder, tmp_path):
    mark = tmp_path / "ran"
    for name in ("model.pkl", "model.skops", "model.keras"):
        (folder / name).write_bytes(pickle.dumps(Runs(mark)))
        mlmodel(folder, flavor, {"format": kind, "data": name})
        with pytest.raises(GtrackError):
            load_folder(str(folder), Trust())
        with pytest.raises(GtrackError):
            _load_pyfunc(str(folder))
    assert not mark.exists()


def test_a_pickle_runs_once_it_is_trusted(folder, tmp_path):
    mark = tmp_path / "ran"
    (folder / "model.pkl").write_bytes(pickle.dumps(Runs(mark)))
    mlmodel(folder, "function", {"format": "cloudpickle", "data": "model.pkl"})
    with pytest.raises(UsageError, match=r"runs whatever code its author put there.*trust_code=True"):
        load_folder(str(folder), Trust())
    assert not mark.exists()
    load_folder(str(folder), Trust(code=True))
    assert mark.exists()


def test_source_runs_only_once_it_is_trusted(folder, tmp_path):
    mark = tmp_path / "ran"
    (folder / "function.py").write_text(
        f"import os; os.close(os.open({str(mark)!r}, os.O_CREAT))\ndef f(x): return x\n"
    )
    mlmodel(folder, "function", {"format": "source", "data": "function.py", "name": "f"})
    with pytest.raises(UsageError, match="Python source"):
        load_folder(str(folder), Trust())
    with pytest.raises(UsageError, match="Python source"):
        _load_pyfunc(str(folder))
    assert not mark.exists()
    assert _load_pyfunc(str(folder), {"trust_code": True}).predict(3) == 3
    assert mark.exists()


def test_a_folder_of_code_is_not_put_on_the_path(folder):
    save_model(len, str(folder), pickle=True)
    (folder / "code").mkdir()
    (folder / "code" / "json.py").write_text("raise SystemExit")
    body = yaml.safe_load((folder / "MLmodel").read_text())
    body["flavors"]["python_function"]["code"] = "code"
    body["flavors"]["function"]["code"] = "code"
    (folder / "MLmodel").write_text(yaml.safe_dump(body))
    before = list(sys.path)
    assert load_folder(str(folder), Trust(code=True)).predict([1, 2]) == 2
    assert sys.path == before


@pytest.mark.parametrize("name", ["../secret.pkl", "/etc/passwd", "a/../../b", "", None, 3, "C:\\x", "folder", "none"])
def test_what_is_named_outside_of_the_folder_is_not_read(name, folder, tmp_path):
    (tmp_path / "secret.pkl").write_bytes(pickle.dumps(1))
    (folder / "folder").mkdir()
    mlmodel(folder, "function", {"format": "cloudpickle", "data": name})
    with pytest.raises(DamageError):
        load_folder(str(folder), Trust(code=True))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "flavors: 3",
        "flavors: {}",
        "flavors: {a: 1}",
        "flavors: !!python/object/apply:os.system [id]",
        "a: &a [1]\nflavors: {b: {c: *a}}",
        "flavors: " + "{a: " * 100 + "1" + "}" * 100,
        "x: " + "y" * (2 << 20),
        "flavors: {a: {}}\nflavors: {b: {}}",
    ],
)
def test_an_mlmodel_that_cannot_be_is_damage(text, folder):
    (folder / "MLmodel").write_text(text)
    with pytest.raises(DamageError):
        load_folder(str(folder), Trust())


@given(st.binary(max_size=300))
def test_any_bytes_are_an_mlmodel_or_damage(data):
    with contextlib.suppress(DamageError):
        parse_mlmodel(data)


def test_unknown_flavors_and_models_of_mlflow_are_told_apart(folder):
    with pytest.raises(NotFoundError, match="no MLmodel file"):
        load_folder(str(folder), Trust())
    (folder / "MLmodel").write_text("flavors: {sklearn: {pickled_model: model.pkl}}")
    with pytest.raises(UsageError, match=r"saved by MLflow.*mlflow\.pyfunc\.load_model"):
        load_folder(str(folder), Trust())
    mlmodel(folder, "os", {"data": "x"})
    with pytest.raises(UsageError, match="no flavor 'os'"):
        load_folder(str(folder), Trust())
