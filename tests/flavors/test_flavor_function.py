"""Python functions: only in a way that the caller chose; which flavor a model is of."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from gtrack.errors import UsageError
from gtrack.flavors.detect import flavor_of
from gtrack.flavors.flavor import Trust
from gtrack.flavors.loading import load_folder
from gtrack.flavors.saving import save_model

FACTOR = 3


def area(radius: float, scale: float = 2.0) -> float:
    """Return an area, by a function within."""

    def squared(value: float) -> float:
        return math.pow(value, 2)

    return math.pi * squared(radius) * scale


def scaled(value):
    return FACTOR * value


def scaled_within(value):
    return list(map(lambda each: FACTOR * each, value))  # noqa: C417  (a function within)


def with_default(value, factor=FACTOR):
    return value * factor


class Doubler:
    def predict(self, data):
        return [2 * each for each in data]


@pytest.mark.parametrize("how", [{"format": "source"}, {"pickle": True}])
def test_a_function_is_kept_as_source_or_as_a_pickle(how, folder):
    saved = save_model(area, str(folder), input_example=2.0, **how)
    assert saved.flavors == ("python_function", "function")
    assert load_folder(str(folder), Trust(code=True)).predict(2.0) == area(2.0)
    if "format" in how:
        assert "import math as math" in (folder / "function.py").read_text()


def test_an_object_that_predicts_is_kept_as_a_pickle(folder):
    save_model(Doubler(), str(folder), pickle=True)
    assert load_folder(str(folder), Trust(code=True)).predict([1, 2]) == [2, 4]


@pytest.mark.parametrize("model", [area, Doubler(), lambda x: x])
def test_nobody_chooses_for_the_caller(model, folder):
    with pytest.raises(UsageError, match=r"format=\"source\".*pickle=True"):
        save_model(model, str(folder))


@pytest.mark.parametrize("function", [scaled, scaled_within, with_default])
def test_a_source_that_does_not_stand_alone_is_refused(function, folder):
    with pytest.raises(UsageError, match="FACTOR"):
        save_model(function, str(folder), format="source")


def test_a_function_that_closes_over_something_is_refused_as_source(folder):
    factor = 3

    def scaled_here(value):
        return factor * value

    with pytest.raises(UsageError, match="uses factor"):
        save_model(scaled_here, str(folder), format="source")
    with pytest.raises(UsageError, match="made by def"):
        save_model(lambda x: x, str(folder), format="source")


def made(module: str, *bases: type) -> type:
    return type("Model", bases or (object,), {"__module__": module})


def test_the_nearest_framework_of_a_class_is_its_flavor():
    module, estimator = made("torch.nn.modules.module"), made("sklearn.base")
    assert flavor_of(made("__main__", module)()) == "torch"
    assert flavor_of(made("keras.src.models.model", module)()) == "keras"
    assert flavor_of(made("transformers.modeling_utils", module)()) == "transformers"
    assert flavor_of(made("xgboost.sklearn", estimator)()) == "xgboost"
    assert flavor_of(made("train", estimator)()) == "sklearn"
    assert flavor_of("net.onnx") == "onnx"
    assert flavor_of(len) == flavor_of(Doubler()) == "function"
    for value in (3, None, "model.pkl", {"weights": 1}):
        with pytest.raises(UsageError, match="is no model"):
            flavor_of(value)


def test_an_unknown_format_or_flavor_says_which_there_are(folder):
    with pytest.raises(UsageError, match="source or pickle=True"):
        save_model(area, str(folder), format="yaml")
    with pytest.raises(UsageError, match="use sklearn, xgboost"):
        save_model(area, str(folder), flavor="prophet")


def test_no_framework_is_imported_to_tell_which_one_a_model_is_of():
    code = (
        "import sys, gtrack; gtrack.load_model, gtrack.log_model\n"
        "from gtrack.flavors.detect import flavor_of; from gtrack.flavors import saving, loading\n"
        "flavor_of(print)\n"
        "print(*{'sklearn', 'torch', 'keras', 'xgboost', 'numpy', 'pandas', 'yaml', 'skops'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() in ([], ["yaml"])
