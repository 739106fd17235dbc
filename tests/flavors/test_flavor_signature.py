"""Signatures, examples and requirements, in the forms that MLflow has for them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.flavors.example import write_example
from gtrack.flavors.requirements import pinned, write_requirements
from gtrack.flavors.signature import given_signature, infer_schema, signature_of

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

TABLE = {"age": [31, 44], "spend": [1.5, None], "city": ["Oslo", "Bergen"], "active": [True, False]}
COLUMNS = [
    {"type": "long", "name": "age", "required": True},
    {"type": "double", "name": "spend", "required": False},
    {"type": "string", "name": "city", "required": True},
    {"type": "boolean", "name": "active", "required": True},
]


def tensor(dtype: str, *shape: int, name: str | None = None) -> dict[str, object]:
    said = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": list(shape)}}
    return said if name is None else {"type": "tensor", "name": name, "tensor-spec": said["tensor-spec"]}


@pytest.mark.parametrize("library", [pandas, polars])
def test_a_table_has_typed_columns(library):
    assert infer_schema(library.DataFrame(TABLE)) == COLUMNS


@pytest.mark.parametrize(
    ("data", "schema"),
    [
        (np.zeros((5, 3)), [tensor("float64", -1, 3)]),
        (np.zeros(4, "int32"), [tensor("int32", -1)]),
        (np.array(["a", "bc"]), [tensor("str", -1)]),
        ({"ids": np.zeros((2, 7), int)}, [tensor("int64", -1, 7, name="ids")]),
        (["a", "b"], [{"type": "string", "required": True}]),
        ("text", [{"type": "string", "required": True}]),
        (2.5, [{"type": "double", "required": True}]),
        (pandas.Series([1, 2], name="n"), [{"type": "long", "name": "n", "required": True}]),
        (
            [{"label": "A", "score": 0.5}],
            [
                {"type": "string", "name": "label", "required": True},
                {"type": "double", "name": "score", "required": True},
            ],
        ),
        (object(), None),
        ([1, "a"], None),
        ({}, None),
        ([], None),
    ],
)
def test_every_kind_of_input_has_its_schema(data, schema):
    assert infer_schema(data) == schema


def test_what_the_caller_says_stands():
    said = given_signature({"inputs": [{"type": "double", "required": True}], "outputs": None})
    assert json.loads(said["inputs"]) == [{"type": "double", "required": True}]
    with pytest.raises(UsageError, match="is no signature"):
        given_signature(3)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_any_input_has_a_signature_or_none(data):
    said = signature_of(data, data)
    if said is not None:
        assert all(isinstance(column["type"], str) for column in json.loads(str(said["inputs"])))


@given(PLAIN)
def test_any_input_is_an_example_or_none(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("example")
    info = write_example(data, str(folder))
    if info is not None:
        json.loads((folder / info["artifact_path"]).read_text(encoding="utf-8"))


def test_examples_are_as_mlflow_reads_them(folder):
    info = write_example(pandas.DataFrame(TABLE), str(folder))
    assert info["type"] == "dataframe"
    assert info["pandas_orient"] == "split"
    said = json.loads((folder / "input_example.json").read_text())
    assert said == {"columns": list(TABLE), "data": [[31, 1.5, "Oslo", True], [44, None, "Bergen", False]]}
    assert write_example(np.array([[1.0, np.nan]]), str(folder))["type"] == "ndarray"
    assert json.loads((folder / "input_example.json").read_text()) == [[1.0, None]]
    assert json.loads((folder / "serving_input_example.json").read_text()) == {"inputs": [[1.0, None]]}
    assert write_example(np.zeros((1000, 1000)), str(folder)) is None  # over 4 MiB


def test_requirements_are_pinned_to_what_is_installed(folder, tmp_path):
    assert f"numpy=={np.__version__}" in pinned(["numpy", "os", "no-such-thing"])
    assert any(line.startswith("scikit-learn==") for line in pinned(["sklearn"]))
    write_requirements(str(folder), ["numpy"], None)
    env = yaml.safe_load((folder / "python_env.yaml").read_text())
    assert env["python"] == sys.version.split()[0]
    (tmp_path / "needs.txt").write_text("# mine\nnumpy>=2\n")
    for given_ in (["numpy>=2"], str(tmp_path / "needs.txt")):
        write_requirements(str(folder), ["scipy"], given_)
        assert (folder / "requirements.txt").read_text() == "numpy>=2\n"
    with pytest.raises(UsageError, match="cannot be read"):
        write_requirements(str(folder), [], "none.txt")
