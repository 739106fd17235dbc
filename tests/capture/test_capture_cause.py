"""Causes of failures, classified from real exceptions, and descriptions that are safe to publish."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pytest

from gtrack.capture.cause import classify_error, describe_error

NAN = float("nan")
SECRET = "canary" + "Zq7Lw"


def caught(function: Callable[[], Any]) -> BaseException:
    """Return what ``function`` raises, with its traceback."""
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def cause_of(function: Callable[[], Any], **facts: Any) -> str:
    error = caught(function)
    return classify_error(type(error), error, **facts)


class OutOfMemoryError(RuntimeError):
    """Stands for ``torch.cuda.OutOfMemoryError``, which is known by its name."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("Tried to allocate 20.00 MiB"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 15.90 GiB total capacity)"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuda runtime error (2) : out of memory at /pytorch/aten"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("HIP out of memory. Tried to allocate 1 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 7 bytes"),
        RuntimeError("std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_lack_of_memory_is_recognised(error: Exception) -> None:
    assert cause_of(raising(error)) == "oom"


def test_a_real_allocation_that_fails_is_oom() -> None:
    assert cause_of(lambda: numpy.empty(2**50)) == "oom"
    assert cause_of(lambda: bytearray(2**62)) == "oom"


def test_a_kill_by_the_kernel_is_oom_whatever_the_survivor_says() -> None:
    assert cause_of(raising(RuntimeError("DataLoader worker exited unexpectedly")), oom_killed=True) == "oom"
    assert classify_error(None, None, oom_killed=True) == "oom"


@pytest.mark.parametrize(
    "error",
    [
        FloatingPointError("underflow encountered in multiply"),
        ValueError("Input contains NaN, infinity or a value too large for dtype('float32')."),
        RuntimeError("Function 'MulBackward0' returned nan values in its 0th output."),
        ValueError("The loss returned in `training_step` is nan or inf."),
    ],
)
def test_not_a_number_is_recognised(error: Exception) -> None:
    assert cause_of(raising(error)) == "nan"


def test_a_metric_that_ended_as_nan_is_the_cause_when_nothing_better_is_known() -> None:
    assert cause_of(raising(RuntimeError("stopped")), last_values={"acc": 0.5, "loss": NAN}) == "nan"
    assert cause_of(raising(RuntimeError("stopped")), last_values={"acc": 0.5}) == "other"
    assert cause_of(raising(MemoryError()), last_values={"loss": NAN}) == "oom"
    assert classify_error(None, None, last_values={"loss": NAN}) == "nan"
    assert classify_error(None, None, last_values={"loss": float("inf"), "odd": None}) == "other"  # type: ignore[dict-item]


def test_an_overflow_that_numpy_was_told_to_raise_is_nan() -> None:
    def overflow() -> None:
        with numpy.errstate(all="raise"):
            numpy.float64(1e300) * numpy.float64(1e300)

    assert cause_of(overflow) == "nan"


def load_customers(row: dict[str, str]) -> float:
    return float(row["tenure"])


def parse_rows(text: str) -> list[int]:
    return [int(cell) for cell in text.split(",")]


def load_checkpoint(state: dict[str, int]) -> int:
    return state["epoch"]


def train(row: dict[str, str]) -> str:
    return row["tenure"]


@pytest.mark.parametrize(
    "function",
    [
        lambda: load_customers({"age": "7"}),
        lambda: load_customers({"tenure": "seven"}),
        lambda: parse_rows("1,2,x"),
        lambda: json.loads("{'a': 1}"),
        lambda: list(csv.reader(["a\rb"], strict=True)),
        lambda: pyarrow.table({"a": [1]}).column("b"),
        lambda: pyarrow.array([1, "x"]),
        lambda: numpy.loadtxt(io.StringIO("1 2\n3 x")),
    ],
)
def test_data_that_is_not_as_expected_is_a_schema_failure(function: Callable[[], Any]) -> None:
    assert cause_of(function) == "schema"


@pytest.mark.parametrize(
    "function",
    [
        lambda: train({"age": "7"}),
        lambda: load_checkpoint({}),
        lambda: int("x"),
        lambda: {"y": 1}["x"],
        lambda: load_customers(None),  # type: ignore[arg-type]  # a TypeError: a mistake in the program
        raising(RuntimeError("shape mismatch")),
        raising(SystemExit(3)),
    ],
)
def test_other_mistakes_are_other(function: Callable[[], Any]) -> None:
    assert cause_of(function) == "other"


def test_a_library_that_reads_data_and_calls_the_program_back_is_not_to_blame() -> None:
    def hook(pairs: dict[str, Any]) -> Any:
        return pairs["missing"]

    assert cause_of(lambda: json.loads('{"a": 1}', object_hook=hook)) == "other"


def test_an_interrupt_is_an_interrupt_also_with_nan_and_a_full_memory() -> None:
    assert cause_of(raising(KeyboardInterrupt()), last_values={"loss": NAN}, oom_killed=True) == "interrupt"


def test_the_cause_of_a_wrapped_error_counts() -> None:
    def wrapped() -> None:
        try:
            raise MemoryError
        except MemoryError as error:
            raise RuntimeError("training failed") from error

    def during() -> None:
        try:
            load_customers({})
        finally:
            raise RuntimeError("cleaning up failed too")

    def hidden() -> None:
        try:
            raise MemoryError
        except MemoryError:
            raise RuntimeError("tried a smaller batch, and that failed") from None

    assert (cause_of(wrapped), cause_of(during), cause_of(hidden)) == ("oom", "schema", "other")


def test_the_members_of_a_group_count() -> None:
    group = ExceptionGroup("workers", [TypeError("x"), ExceptionGroup("inner", [MemoryError()])])
    assert cause_of(raising(group)) == "oom"


def test_a_circle_of_causes_ends() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert classify_error(RuntimeError, first) == "other"


def test_a_description_tells_type_message_traceback_and_cause() -> None:
    found = describe_error(caught(lambda: load_customers({"age": "7"})))
    assert found["type"] == "KeyError"
    assert found["message"] == "'tenure'"
    assert found["cause"] == "schema"
    assert 'return float(row["tenure"])' in found["traceback"]
    assert found["traceback"].endswith("KeyError: 'tenure'\n")
    assert describe_error(caught(lambda: json.loads("{")))["type"] == "json.decoder.JSONDecodeError"


def test_a_description_shows_the_chain_of_causes_and_notes() -> None:
    def wrapped() -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            outer = RuntimeError("outer")
            outer.add_note("batch 7")
            raise outer from error

    text = describe_error(caught(wrapped))["traceback"]
    assert text.index("KeyError: 'inner'") < text.index("RuntimeError: outer") < text.index("batch 7")


def test_a_long_message_and_a_long_traceback_are_cut() -> None:
    found = describe_error(caught(raising(ValueError("é" * 100_000 + "end"))))
    assert len(found["message"]) == 2_000
    assert len(found["traceback"].encode()) <= 16 * 1024
    assert found["traceback"].endswith("end\n")
    assert found["traceback"].startswith("…")


def test_endless_recursion_is_described() -> None:
    def again() -> None:
        again()

    found = describe_error(caught(again))
    assert found["type"] == "RecursionError"
    assert len(found["traceback"]) < 16 * 1024


@pytest.mark.parametrize(
    "message",
    [
        f"cannot connect to postgres://ada:{SECRET}@db/churn",
        f"401 for https://host/x?token={SECRET}",
        f"bad header 'Authorization: Bearer {SECRET}'",
        f"connection failed: host=db password={SECRET} user=ada",
    ],
)
def test_no_secret_of_a_message_is_described(message: str) -> None:
    assert SECRET not in json.dumps(describe_error(caught(raising(ConnectionError(message)))))


def test_an_exception_whose_text_raises_is_described() -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise LookupError("no text")

    found = describe_error(caught(raising(BrokenError())))
    assert found["message"] == "<its message could not be read: LookupError>"
    assert "BrokenError" in found["traceback"]
    assert found["cause"] == "other"


def test_an_exception_that_was_never_raised_is_described() -> None:
    assert describe_error(ValueError("x")) == {
        "type": "ValueError",
        "message": "x",
        "traceback": "ValueError: x\n",
        "cause": "other",
    }


def test_lone_surrogates_in_a_message_are_no_trouble() -> None:
    assert describe_error(caught(raising(OSError("file \udcff not found"))))["cause"] == "other"


def test_the_traceback_of_a_group_shows_its_members() -> None:
    found = describe_error(caught(raising(ExceptionGroup("workers", [MemoryError("rank 1"), TypeError("rank 2")]))))
    assert found["cause"] == "oom"
    assert "rank 1" in found["traceback"]
    assert "rank 2" in found["traceback"]


def test_paths_are_told_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "home" / "ada" / "train.py"
    source.parent.mkdir(parents=True)
    source.write_text("import json\njson.loads('{')\n")
    monkeypatch.chdir(source.parent)

    def run() -> None:
        exec(compile(source.read_text(), str(source), "exec"), {})

    text = describe_error(caught(run))["traceback"]
    assert 'File "train.py", line 2' in text
    assert str(tmp_path) not in text
    assert sys.base_prefix + os.sep not in text


def test_an_installed_library_is_told_without_the_path_to_it(tmp_path: Path) -> None:
    path = tmp_path / "lib" / "site-packages" / "mylib.py"
    module = types.ModuleType("mylib")
    exec(compile("def f():\n    raise RuntimeError('x')\n", str(path), "exec"), module.__dict__)
    assert 'File "site-packages/mylib.py", line 2, in f' in describe_error(caught(module.f))["traceback"]


def test_describing_is_possible_in_a_removed_working_directory(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from gtrack.capture.cause import describe_error\n"
        "from gtrack.capture.command import current_command\n"
        "from gtrack.capture.environment import capture_environment\n"
        "os.rmdir(os.getcwd())\n"
        "print(describe_error(ValueError('x'))['cause'], bool(current_command()), bool(capture_environment({})))\n"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path if p)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=gone, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("other True True\n", 0), done.stderr
