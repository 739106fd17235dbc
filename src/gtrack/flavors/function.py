"""Python functions and objects with ``predict``: kept as source or as a pickle, either of them by choice.

Both run code when they are loaded. A source can be read before, and does not depend on the version of Python.
"""

from __future__ import annotations

import dis
import inspect
import os
import textwrap
from collections.abc import Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

from gtrack.errors import DamageError, UsageError
from gtrack.flavors import pickled
from gtrack.flavors.flavor import Kept, Trust, Wanted, choice, data_file, refuse_code

__all__ = ["load", "predict", "save"]

_FILE = "function.py"
_CHOICES = 'format="source" keeps its text, pickle=True keeps it as a pickle; loading either takes trust_code=True'


def save(model: Any, folder: str, wanted: Wanted) -> Kept:
    """Write a function, in the way that the caller has to choose."""
    if wanted.format is None and not wanted.pickle:
        what = "a Python function" if isinstance(model, FunctionType) else f"a {type(model).__name__}"
        raise UsageError(f"there is no format in which {what} is data alone", hint=_CHOICES)
    if choice(wanted, "Python", "source", "cloudpickle") == "cloudpickle":
        return pickled.save(model, folder)
    name, text = _source_of(model)
    with open(os.path.join(folder, _FILE), "w", encoding="utf-8") as file:
        file.write(text)
    note = "it is saved as source: loading it takes load_model(..., trust_code=True)"
    return Kept({"format": "source", "data": _FILE, "name": name}, None, _modules(model), (note,))


def load(folder: str, details: Mapping[str, object], trust: Trust) -> Any:
    """Return the function, where its code is trusted."""
    if details.get("format") != "source":
        return pickled.load(folder, details, trust)
    if not trust.code:
        raise refuse_code("Python source")
    path, name = data_file(folder, details), details.get("name")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    space: dict[str, Any] = {"__name__": "gtrack_model", "__file__": path}
    exec(compile(text, path, "exec"), space)  # noqa: S102  (whoever loads it said that its author is trusted)
    if not callable(space.get(str(name))):
        raise DamageError(f"the model's source defines no {name!r:.80}")
    return space[str(name)]


def predict(model: Any, data: Any) -> Any:
    """Return what the function, or the object's ``predict``, makes of some input."""
    method = getattr(model, "predict", None)
    return method(data) if callable(method) else model(data)


def _source_of(model: Any) -> tuple[str, str]:
    """Return a function's name, and a module that defines it.

    Raises:
        UsageError: Its text is not at hand, or is not all that it needs.
    """
    if not isinstance(model, FunctionType) or model.__name__ == "<lambda>":
        raise UsageError("only a function made by def has a source to keep", hint="pickle=True keeps it as a pickle")
    try:
        text = textwrap.dedent(inspect.getsource(model))
    except (OSError, TypeError) as error:
        raise UsageError(f"the source of {model.__name__} is not at hand: {error}", hint="pickle=True") from error
    used = _names_around(model)
    modules = {name: value.__name__ for name, value in sorted(used.items()) if isinstance(value, ModuleType)}
    foreign = sorted([*model.__code__.co_freevars, *(used.keys() - modules.keys())])
    if foreign or text.startswith("@"):
        what = f"uses {', '.join(foreign)} from around it" if foreign else "is decorated"
        raise UsageError(f"{model.__name__} {what}, which its source alone has not", hint="move it in, or pickle=True")
    imports = "".join(f"import {module} as {name}\n" for name, module in modules.items())
    source = f"from __future__ import annotations\n\n{imports}\n\n{text}"
    try:
        exec(compile(source, _FILE, "exec"), {"__name__": "gtrack_model"})  # noqa: S102  (the caller's own function)
    except Exception as error:  # such as a default that is a constant of the script
        raise UsageError(f"the source of {model.__name__} does not stand alone: {error}", hint="pickle=True") from error
    return model.__name__, source


def _names_around(model: FunctionType) -> dict[str, object]:
    """Return the values of its module that a function, and those within it, use by name."""
    waiting: list[CodeType] = [model.__code__]
    names: set[str] = set()
    while waiting:
        code = waiting.pop()
        names |= {
            str(each.argval) for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")
        }
        waiting += [each for each in code.co_consts if isinstance(each, CodeType)]
    return {name: model.__globals__[name] for name in names if name in model.__globals__ and name != model.__name__}


def _modules(model: Any) -> tuple[str, ...]:
    """Return the packages that a function's own imports at the top of its script name."""
    values = _names_around(model).values()
    return tuple(sorted({value.__name__.partition(".")[0] for value in values if isinstance(value, ModuleType)}))
