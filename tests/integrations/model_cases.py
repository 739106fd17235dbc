"""Models of every framework: trained small, logged, loaded by gtrack and by MLflow. Runs in an environment with all.

``model_cases.py save|load|mlflow CASE [FOLDER]`` prints predictions as JSON; ``forged FOLDER`` what an attack comes to.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

ROWS, COLUMNS = 80, 4
X = np.random.default_rng(7).normal(size=(ROWS, COLUMNS))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)
NAMES = np.array(["stays", "leaves"])
Case = tuple[Any, Any, dict[str, Any]]
"""A model, an example of its input, and how it is logged."""


def table() -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=["age", "tenure", "calls", "spend"])


def logistic() -> Case:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(table(), NAMES[Y]), table()[:5], {}


def forest() -> Case:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(7, random_state=0).fit(X, Y), X[:5], {}


def histogram() -> Case:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=9).fit(X, X[:, 0] ** 2), X[:5], {}


def boosting() -> Case:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=9).fit(X, Y), X[:5], {}


def sklearn_pickle() -> Case:
    from sklearn.linear_model import Ridge

    return Ridge().fit(X, X[:, 0]), X[:5], {"pickle": True}


def xgboost_classifier() -> Case:
    import xgboost

    return xgboost.XGBClassifier(n_estimators=8, max_depth=3).fit(X, Y), X[:5], {}


def xgboost_booster() -> Case:
    import xgboost

    return xgboost.train({"max_depth": 3}, xgboost.DMatrix(X, label=X[:, 1]), 8), X[:5], {}


def lightgbm_classifier() -> Case:
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=8, verbose=-1).fit(table(), NAMES[Y]), table()[:5], {}


def lightgbm_regressor() -> Case:
    import lightgbm

    return lightgbm.LGBMRegressor(n_estimators=8, verbose=-1).fit(X, X[:, 2]), X[:5], {}


def lightgbm_booster() -> Case:
    import lightgbm

    return lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, label=X[:, 2]), 8), X[:5], {}


def net() -> Any:
    import torch

    torch.manual_seed(3)
    layers = torch.nn.Linear(COLUMNS, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)
    return torch.nn.Sequential(*layers)


def torch_weights() -> Case:
    return net(), X[:5].astype("float32"), {}


def torch_script() -> Case:
    return net(), X[:5].astype("float32"), {"format": "torchscript"}


def torch_traced() -> Case:
    import torch

    return torch.jit.trace(net().eval(), torch.zeros(1, COLUMNS)), X[:5].astype("float32"), {}


def torch_export() -> Case:
    import torch

    rows = {0: torch.export.Dim("rows")}
    program = torch.export.export(net().eval(), (torch.zeros(3, COLUMNS),), dynamic_shapes=(rows,), strict=False)
    return program, X[:5].astype("float32"), {}


def keras() -> Case:
    import keras as library

    library.utils.set_random_seed(3)
    layers = [library.layers.Input((COLUMNS,)), library.layers.Dense(6, "relu"), library.layers.Dense(1)]
    model = library.Sequential(layers)
    model.compile("sgd", "mse")
    return model, X[:5].astype("float32"), {}


def bert() -> Any:
    import torch
    import transformers

    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return transformers.BertForSequenceClassification(
        transformers.BertConfig(vocab_size=12, max_position_embeddings=16, **sizes)
    )


def transformers_model() -> Case:
    return bert(), {"input_ids": np.array([[2, 5, 6, 3], [2, 7, 5, 3]])}, {}


def transformers_pipeline() -> Case:
    import tempfile

    import transformers

    words = "[PAD] [UNK] [CLS] [SEP] [MASK] good bad film the a is was".split()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vocab.txt")
        with open(path, "w") as file:
            file.write("\n".join(words) + "\n")
        tokenizer = transformers.BertTokenizerFast(vocab=path)
    pipeline = transformers.pipeline("text-classification", model=bert().eval(), tokenizer=tokenizer, device="cpu")
    return pipeline, ["the film is good", "a bad film"], {}


def onnx() -> Case:
    import onnx as library
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(2).normal(size=(COLUMNS, 2)).astype("float32")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", COLUMNS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    library.checker.check_model(model)
    return model, X[:5].astype("float32"), {}


def twice(data: Any) -> Any:
    """Predict twice the sum of each row."""
    return 2 * np.asarray(data).sum(axis=1)


def function_source() -> Case:
    return twice, X[:5], {"format": "source"}


def function_pickle() -> Case:
    return twice, X[:5], {"pickle": True}


CASES: dict[str, Callable[[], Case]] = {
    "logistic": logistic,
    "forest": forest,
    "histogram": histogram,
    "boosting": boosting,
    "sklearn-pickle": sklearn_pickle,
    "xgboost": xgboost_classifier,
    "xgboost-booster": xgboost_booster,
    "lightgbm": lightgbm_classifier,
    "lightgbm-regressor": lightgbm_regressor,
    "lightgbm-booster": lightgbm_booster,
    "torch-weights": torch_weights,
    "torch-script": torch_script,
    "torch-traced": torch_traced,
    "torch-export": torch_export,
    "keras": keras,
    "transformers": transformers_model,
    "transformers-pipeline": transformers_pipeline,
    "onnx": onnx,
    "function-source": function_source,
    "function-pickle": function_pickle,
}
NEED_TRUST = {"sklearn-pickle", "torch-export", "function-source", "function-pickle"}
NEED_CLASS = {"torch-weights"}


def plain(found: Any) -> Any:
    """Return predictions as JSON has them."""
    if hasattr(found, "to_dict"):
        return plain(found.to_dict("list"))
    if isinstance(found, dict):
        return {str(key): plain(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [plain(item) for item in found]
    return found.tolist() if hasattr(found, "tolist") else found


def save(name: str) -> Any:
    import gtrack
    from gtrack.flavors.detect import flavor_of
    from gtrack.flavors.flavor import flavor_named

    model, example, how = CASES[name]()
    with gtrack.start_run(name, experiment="models") as run:
        logged = run.log_model(model, input_example=example, **how)
    if not logged:
        raise SystemExit(f"{name} was not kept")
    return flavor_named(flavor_of(model)).predict(model, example)


def load(name: str) -> Any:
    """Return what gtrack loads, what it says without a word of trust, and whether a file that runs code has run."""
    import gtrack

    _, example, _ = CASES[name]()
    into = net() if name in NEED_CLASS else None
    if into is not None:
        for each in into.parameters():
            each.data.zero_()
    try:
        gtrack.load_model(f"runs:/{name}/model")
        said = None
    except gtrack.errors.UsageError as error:
        said = str(error)
    how = {"trust_code": True} if name in NEED_TRUST else {}
    found = gtrack.load_model(f"runs:/{name}/model", into=into, pyfunc=True, **how).predict(example)
    return {"found": plain(found), "refused": said}


class Runs:
    """What makes a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return open, ("ran", "w")


def forged(folder: str) -> Any:
    """Put a pickle that runs code in the place of each of a model's own files, and return what loading it says."""
    import pickle

    import gtrack

    ours = {"MLmodel", "requirements.txt", "conda.yaml", "python_env.yaml"}
    for at, _, files in os.walk(folder):
        for name in files:
            if name in ours or name.endswith(".json"):
                continue
            path = os.path.join(at, name)
            os.chmod(path, 0o600)
            with open(path, "wb") as file:
                pickle.dump(Runs(), file)
    try:
        gtrack.load_model(folder, into=net())
    except gtrack.errors.GtrackError as error:
        return str(error)
    return None


def mlflow(name: str, folder: str) -> Any:
    """Return what MLflow loads and reads of a folder, and the schema that it would infer itself."""
    import mlflow.pyfunc
    from mlflow.models import Model
    from mlflow.types.utils import _infer_schema

    _, example, _ = CASES[name]()
    found = None
    if name not in NEED_CLASS:
        config = {"trust_code": True} if name in NEED_TRUST else None
        found = mlflow.pyfunc.load_model(folder, model_config=config).predict(example)
    model = Model.load(folder)
    return {
        "found": plain(found),
        "example": plain(model.load_input_example(folder)),
        "given": plain(example),
        "inputs": None if model.signature is None else model.signature.inputs.to_dict(),
        "inferred": _infer_schema(example).to_dict(),
        "outputs": model.signature is not None and model.signature.outputs is not None,
    }


if __name__ == "__main__":
    what, *argv = sys.argv[1:]
    done = {"save": save, "load": load, "forged": forged, "mlflow": mlflow}[what](*argv)
    print("\n" + json.dumps(plain(done)))
