"""Seeding: equal seeds give equal numbers, and the answer says what was seeded."""

from __future__ import annotations

import random
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from gtrack.capture.seed import set_seed
from gtrack.errors import UsageError


@pytest.fixture(autouse=True)
def own_generators() -> Iterator[None]:
    states = random.getstate(), numpy.random.get_state()
    yield
    random.setstate(states[0])
    numpy.random.set_state(states[1])


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.usefixtures("no_torch")
def test_equal_seeds_give_equal_numbers() -> None:
    draws = []
    for _ in range(2):
        set_seed(42)
        draws.append((random.random(), numpy.random.rand()))
    assert draws[0] == draws[1]


@pytest.mark.usefixtures("no_torch")
def test_the_answer_says_what_was_seeded_and_what_was_not() -> None:
    found = set_seed(42, env={"PYTHONHASHSEED": "7"})
    assert found == {
        "seed": 42,
        "deterministic": False,
        "python": True,
        "hash_seed": "7",
        "numpy": True,
        "torch": False,
        "cuda": False,
    }
    assert set_seed(42, env={})["hash_seed"] == "random"


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "42", None, True, [1]])
def test_a_seed_out_of_range_or_of_another_type_is_refused(seed: Any) -> None:
    before = random.getstate()
    with pytest.raises(UsageError, match="seed"):
        set_seed(seed)
    assert random.getstate() == before


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("seed", [0, 2**32 - 1, numpy.int64(7)])
def test_the_whole_range_and_numpy_integers_are_taken(seed: Any) -> None:
    found = set_seed(seed)["seed"]
    assert found == int(seed)
    assert type(found) is int


def test_torch_is_seeded_and_made_deterministic_on_request_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    torch = types.SimpleNamespace(
        manual_seed=lambda seed: calls.append(("cpu", seed)),
        cuda=types.SimpleNamespace(manual_seed_all=lambda seed: calls.append(("cuda", seed))),
        backends=types.SimpleNamespace(cudnn=types.SimpleNamespace(deterministic=False, benchmark=True)),
        use_deterministic_algorithms=lambda on: calls.append(("deterministic", on)),
        version=types.SimpleNamespace(cuda="12.1"),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    env: dict[str, str] = {}
    found = set_seed(3, env=env)
    assert calls == [("cpu", 3), ("cuda", 3)]
    assert (found["torch"], found["cuda"]) == (True, True)
    assert torch.backends.cudnn.benchmark
    assert env == {}

    assert set_seed(3, deterministic=True, env=env)["deterministic"] is True
    assert calls[-1] == ("deterministic", True)
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == (True, False)
    assert env == {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    env["CUBLAS_WORKSPACE_CONFIG"] = ":16:8"
    set_seed(3, deterministic=True, env=env)
    assert env == {"CUBLAS_WORKSPACE_CONFIG": ":16:8"}


@pytest.mark.usefixtures("no_torch")
def test_tensorflow_is_seeded_if_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    experimental = types.SimpleNamespace(enable_op_determinism=lambda: calls.append("determinism"))
    tensorflow = types.SimpleNamespace(
        random=types.SimpleNamespace(set_seed=calls.append), config=types.SimpleNamespace(experimental=experimental)
    )
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    assert set_seed(5)["tensorflow"] is True
    set_seed(6, deterministic=True)
    assert calls == [5, 6, "determinism"]
