"""Models of scikit-learn as data: what they are made of is looked at before anything is made of it."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from gtrack.errors import DamageError, UsageError
from gtrack.flavors.flavor import Trust
from gtrack.flavors.loading import load_folder, read_folder
from gtrack.flavors.saving import save_model
from gtrack.flavors.sklearn_trees import has_sound_trees

sklearn = pytest.importorskip("sklearn")
pytest.importorskip("skops")

from sklearn.ensemble import (  # noqa: E402
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

MODELS = {
    "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "tree": DecisionTreeClassifier,
    "forest": lambda: RandomForestClassifier(5),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=5),
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=5),
    "isolation": lambda: IsolationForest(n_estimators=5),
    "network, sgd": lambda: MLPClassifier((4,), solver="sgd", max_iter=5),
    "network, adam": lambda: MLPClassifier((4,), max_iter=5),
    "within": lambda: make_pipeline(StandardScaler(), RandomForestClassifier(3)),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # a network that has not learnt enough
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_loaded_without_trust_and_predicts_the_same(name, data, folder):
    x, y = data
    model = MODELS[name]().fit(x, y)
    saved = save_model(model, str(folder), input_example=x[:5])
    assert saved.flavors == ("python_function", "sklearn")
    assert saved.notes == ()
    loaded = load_folder(str(folder), Trust())
    assert type(loaded.model) is type(model)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_the_folder_says_what_mlflow_needs(data, folder):
    x, y = data
    save_model(LogisticRegression().fit(x, y), str(folder), path="models/best", input_example=x[:5])
    said = yaml.safe_load((folder / "MLmodel").read_text())
    assert said["artifact_path"] == "models/best"
    assert said["flavors"]["python_function"]["loader_module"] == "gtrack.flavors.pyfunc"
    assert said["flavors"]["python_function"]["config"] == {"trust_code": False}
    assert said["flavors"]["sklearn"]["pickled_model"] == "model.skops"
    inputs = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]
    assert json.loads(said["signature"]["inputs"]) == inputs
    assert json.loads((folder / "input_example.json").read_text()) == x[:5].tolist()
    assert f"scikit-learn=={sklearn.__version__}" in (folder / "requirements.txt").read_text().splitlines()
    assert read_folder(str(folder)).signature == said["signature"]


def test_foreign_types_are_named_and_need_a_word(data, folder):
    x, y = data
    model = make_pipeline(FunctionTransformer(os.path.realpath), LogisticRegression())
    model.steps[1][1].fit(x, y)
    saved = save_model(model, str(folder))
    assert "posixpath.realpath" in saved.notes[0]
    with pytest.raises(UsageError, match=r"not known to be harmless: posixpath\.realpath .*trusted=\['posixpath"):
        load_folder(str(folder), Trust())
    assert load_folder(str(folder), Trust(types=("posixpath.realpath",))).model[0].func is os.path.realpath
    assert load_folder(str(folder), Trust(code=True)).model[0].func is os.path.realpath


def test_a_pickle_is_neither_written_nor_read_without_a_word(data, folder):
    x, y = data
    model = LogisticRegression().fit(x, y)
    with pytest.raises(UsageError, match="runs code"):
        save_model(model, str(folder), format="cloudpickle")
    saved = save_model(model, str(folder), pickle=True)
    assert "trust_code=True" in saved.notes[0]
    with pytest.raises(UsageError, match=r"the model is a pickle.*trust_code=True"):
        load_folder(str(folder), Trust())
    assert (load_folder(str(folder), Trust(code=True)).predict(x) == model.predict(x)).all()


def forge(folder: Path, change) -> None:
    """Change the nodes of the first tree in a file of skops."""
    path = folder / "model.skops"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name in sorted(files):
        if not name.endswith(".npy"):
            continue
        at = folder / "array.npy"
        at.write_bytes(files[name])
        array = np.load(at)
        if array.dtype.names and "feature" in array.dtype.names and len(array) > 1:
            change(array)
            np.save(at, array)
            files[name] = at.read_bytes()
        at.unlink()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def leads_far(nodes):
    nodes["left_child"][0] = 1 << 40


def leads_back(nodes):
    nodes["right_child"][0] = 0


def asks_far(nodes):
    nodes["feature"][0] = 1 << 40


def asks_before(nodes):
    nodes["feature"][0] = -7


@pytest.mark.parametrize("change", [leads_far, leads_back, asks_far, asks_before])
@pytest.mark.parametrize("name", ["tree", "forest", "boosting", "isolation", "within"])
def test_a_forged_tree_is_refused_before_anybody_asks_it(name, change, data, folder):
    x, y = data
    save_model(MODELS[name]().fit(x, y), str(folder))
    forge(folder, change)
    with pytest.raises(UsageError, match=r"not known to be harmless: sklearn\.tree\._tree\.Tree"):
        load_folder(str(folder), Trust())


def test_trees_that_look_at_more_columns_than_their_forest_are_refused(data):
    x, y = data
    wide = RandomForestClassifier(3).fit(np.hstack([x, x]), y)
    assert has_sound_trees(wide)
    wide.n_features_in_ = 3
    assert not has_sound_trees(wide)
    boosting = GradientBoostingClassifier(n_estimators=3).fit(x, y)
    boosting.estimators_ = np.hstack([boosting.estimators_] * 3)  # a sum with fewer columns is written past its end
    assert not has_sound_trees(boosting)
    histogram = HistGradientBoostingClassifier(max_iter=3).fit(x, y)
    histogram._predictors[0][0].nodes["feature_idx"][0] = 99
    assert not has_sound_trees(histogram)


def test_a_tree_in_an_unknown_place_is_not_sound(data):
    x, y = data
    model = LogisticRegression().fit(x, y)
    model.something = DecisionTreeClassifier().fit(x, y).tree_
    assert not has_sound_trees(model)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04N."])
def test_what_is_no_skops_file_is_damage(content, data, folder):
    x, y = data
    save_model(LogisticRegression().fit(x, y), str(folder))
    (folder / "model.skops").write_bytes(content)
    with pytest.raises(DamageError):
        load_folder(str(folder), Trust())
