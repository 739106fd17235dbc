"""The ``MLmodel`` file of a model's folder, as MLflow 3 reads and writes it, and what gtrack adds.

Under the name of its framework stand the fields by which MLflow's own flavor loads the model, where that reads the
same file, and under ``gtrack`` the format and the file. Under ``python_function`` stands :mod:`gtrack.flavors.pyfunc`,
so that ``mlflow.pyfunc.load_model`` works. Format: https://mlflow.org/docs/latest/ml/model/#mlmodel-file, and
``mlflow/models/model.py``.
"""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from gtrack.errors import DamageError
from gtrack.flavors.flavor import Kept
from gtrack.format.yaml import MAX_BYTES, load
from gtrack.text import clean

__all__ = ["FILE", "FUNCTION", "MLModel", "dump_mlmodel", "parse_mlmodel"]

FILE = "MLmodel"
"""The name of the file."""
FUNCTION = "python_function"
"""The flavor under which MLflow loads any model."""

_OURS = "gtrack"
_MOST_FLAVORS = 32


@dataclass(frozen=True, slots=True)
class MLModel:
    """What an ``MLmodel`` file says.

    Attributes:
        flavors: Fields by the name of the flavor.
        signature: Inputs, outputs and params, each a schema in JSON or null; None where there is no signature.
    """

    flavors: Mapping[str, Mapping[str, object]]
    signature: Mapping[str, object] | None = None

    @property
    def saved_by_gtrack(self) -> tuple[str, Mapping[str, object]] | None:
        """The flavor that gtrack saved it with, and what loading needs; None for what MLflow itself saved."""
        for name, fields in self.flavors.items():
            details = fields.get(_OURS)
            if isinstance(details, Mapping):
                return name, details
        return None


def parse_mlmodel(data: bytes) -> MLModel:
    """Read an ``MLmodel`` file, which may be anybody's.

    Args:
        data: Its bytes; more than 1 MiB, anchors, tags and deep nesting are refused.

    Raises:
        DamageError: It is none.

    Example:
        >>> sorted(parse_mlmodel(data).flavors)
        ['python_function', 'sklearn']
    """
    document = load(data, name=f"the {FILE} file")
    flavors = document.get("flavors")
    if not isinstance(flavors, dict) or not flavors or len(flavors) > _MOST_FLAVORS:
        raise DamageError(f"the {FILE} file names no flavors")
    for name, fields in flavors.items():
        if not isinstance(fields, dict):
            raise DamageError(f"the {FILE} file says nothing of the flavor {clean(name)!r:.60}")
    signature = document.get("signature")
    return MLModel(flavors, signature if isinstance(signature, dict) else None)


def dump_mlmodel(
    name: str,
    kept: Kept,
    *,
    path: str,
    callable_alone: bool,
    signature: Mapping[str, object] | None = None,
    example: Mapping[str, str] | None = None,
    metadata: Mapping[str, object] | None = None,
    size: int = 0,
) -> bytes:
    """Return an ``MLmodel`` file.

    Args:
        name: The flavor that saved the model.
        kept: What it wrote.
        path: The folder's path among the run's artifacts.
        callable_alone: The model can be loaded without anything else, so MLflow can as well.
        signature: Its signature.
        example: What MLflow says of an input example.
        metadata: What else is known, such as the run.
        size: The bytes of the model's files.
    """
    import yaml

    native, fields = kept.native or (name, {})
    flavors: dict[str, object] = {native: {**fields, _OURS: {"flavor": name, **kept.details}}}
    if callable_alone:
        flavors[FUNCTION] = {
            "loader_module": "gtrack.flavors.pyfunc",
            "python_version": platform.python_version(),
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            "config": {"trust_code": False},
        }
    document: dict[str, object] = {
        "artifact_path": path,
        "flavors": flavors,
        "model_uuid": uuid.uuid4().hex,
        "utc_time_created": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + ".000000",
        "model_size_bytes": size,
    }
    for key, said in (("signature", signature), ("saved_input_example_info", example), ("metadata", metadata)):
        if said:
            document[key] = dict(said)
    text: str = yaml.dump(document, Dumper=_dumper(), default_flow_style=False, allow_unicode=True, width=1 << 20)
    data = text.encode()
    if len(data) > MAX_BYTES:
        raise DamageError(f"the {FILE} file would have {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    return data


def _dumper() -> type:
    """Return a dumper that writes what appears twice twice: anchors are refused by readers that are careful."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  (PyYAML's)
            return True

    return Plain
