"""Why a run failed: one of five causes, and a description that is safe to publish."""

from __future__ import annotations

import errno
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping

from gtrack.capture.cgroup import oom_kill_count
from gtrack.capture.redact import redact_text

__all__ = ["classify_error", "describe_error", "oom_kill_count"]

_LONGEST_MESSAGE = 2_000
_LONGEST_TRACEBACK = 16 * 1024
_MOST_CAUSES = 32

_OOM_TYPES = frozenset(("OutOfMemoryError", "ResourceExhaustedError"))  # PyTorch, TensorFlow
_OOM_MESSAGE = re.compile(
    r"\b(?:CUDA|cuda|HIP|XPU|MPS backend)[\w :()]{0,32}out of memory"
    r"|(?:CUBLAS|CUDNN|CUSOLVER|CUSPARSE)_STATUS_ALLOC_FAILED"
    r"|RESOURCE_EXHAUSTED|Out of memory while trying to allocate"  # XLA
    r"|DefaultCPUAllocator: (?:can't|not enough)|std::bad_alloc|Cannot allocate memory|\bbad allocation\b"
)
_NAN_MESSAGE = re.compile(
    r"\b(?:loss|gradients?|grads?|inputs?|outputs?|returned|contains?)\b[^.\n]{0,80}?\bnans?\b", re.IGNORECASE
)
_SCHEMA_TYPES = frozenset(
    "ArrowInvalid ArrowKeyError ArrowTypeError ColumnNotFoundError EmptyDataError JSONDecodeError ParserError "
    "SchemaError SchemaErrors SchemaFieldNotFoundError".split()
)
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|\A(?:pandas|pyarrow|polars)/|\A<frozen |\A<__array_function__")
_DATA_LIBRARY = re.compile(
    r"(?:\A|/)(?:pandas|pyarrow|polars|datasets|duckdb|pandera|json|xml)/|/(?:csv|fileinput)\.py\Z"
    r"|/numpy/(?:lib/)?(?:_?npyio|_?format|_datasource)"
)
_READS_DATA = re.compile(r"(?:\A|_)(?:read|load|parse|decode|ingest|validate)(?:_|er\Z|or\Z|\Z)")
_READS_OTHERS = re.compile(r"(?:\A|_)(?:arg|args|argv|checkpoint|ckpt|cli|config|model|options|settings|state|weights)")


def classify_error(
    exc_type: type[BaseException] | None,
    exc: BaseException | None,
    *,
    oom_killed: bool = False,
    last_values: Mapping[str, float] | None = None,
) -> str:
    """Return the cause of a failure: ``oom``, ``nan``, ``schema``, ``interrupt`` or ``other``.

    ``oom`` is lack of memory, of the machine, its control group or a GPU. ``nan`` is a floating-point error, a message
    that tells of NaN, or a metric that ended as NaN and no better reason. ``schema`` is data that was not as expected:
    a KeyError or ValueError raised in a library that reads data, or below a function of the program whose name says
    that it reads, loads or parses. The exception itself is asked first, then what caused it, then the members of a
    group.

    Args:
        exc_type: The exception's type; None for a process that was killed.
        exc: The exception with its traceback, or None.
        oom_killed: Whether the kernel killed a process for lack of memory meanwhile; see :func:`oom_kill_count`.
        last_values: The last value of each metric.
    """
    if exc_type is not None and issubclass(exc_type, KeyboardInterrupt):
        return "interrupt"
    if oom_killed:
        return "oom"
    for error in _chain(exc) if exc is not None else ():
        cause = _own_cause(error)
        if cause != "other":
            return cause
    if exc is None and exc_type is not None and issubclass(exc_type, MemoryError):
        return "oom"
    ended_nan = any(isinstance(value, float) and math.isnan(value) for value in (last_values or {}).values())
    return "nan" if ended_nan else "other"


def describe_error(
    exc: BaseException, last_values: Mapping[str, float] | None = None, *, oom_killed: bool = False
) -> dict[str, str]:
    """Return the ``error`` section of an end file.

    Args:
        exc: The exception that ended the run.
        last_values: The last value of each metric.
        oom_killed: As for :func:`classify_error`.

    Returns:
        ``type`` with its module; ``message``, at most 2,000 characters; ``traceback``, its last 16 KiB, with the chain
        of causes; ``cause``. Secrets are hidden, and paths are relative to the working directory.
    """
    kind = type(exc)
    module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    return {
        "type": f"{module}{kind.__qualname__}",
        "message": _head(redact_text(_message(exc))),
        "traceback": _tail(redact_text(_without_paths(_traceback(exc)))),
        "cause": classify_error(kind, exc, oom_killed=oom_killed, last_values=last_values),
    }


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception, what caused it and the members of groups, each once."""
    waiting, seen = [exc], set[int]()
    while waiting and len(seen) < _MOST_CAUSES:
        error = waiting.pop(0)
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions[:_MOST_CAUSES])
        if error.__cause__ is not None:
            waiting.append(error.__cause__)
        elif error.__context__ is not None and not error.__suppress_context__:
            waiting.append(error.__context__)


def _own_cause(exc: BaseException) -> str:
    names = {cls.__name__ for cls in type(exc).__mro__}
    message = _message(exc)[:_LONGEST_TRACEBACK]
    if isinstance(exc, KeyboardInterrupt):
        return "interrupt"
    no_memory = isinstance(exc, OSError) and exc.errno == errno.ENOMEM
    if isinstance(exc, MemoryError) or no_memory or names & _OOM_TYPES or _OOM_MESSAGE.search(message):
        return "oom"
    if isinstance(exc, FloatingPointError) or _NAN_MESSAGE.search(message):
        return "nan"
    if names & _SCHEMA_TYPES or (type(exc).__module__, type(exc).__name__) == ("_csv", "Error"):
        return "schema"
    return "schema" if isinstance(exc, (KeyError, ValueError)) and _was_reading(exc) else "other"


def _was_reading(exc: BaseException) -> bool:
    """Tell whether the innermost frames are of a library that reads data, or of a function named for it."""
    import traceback

    frames = [(frame.f_code.co_filename, frame.f_code.co_name) for frame, _ in traceback.walk_tb(exc.__traceback__)]
    stdlib = os.path.dirname(os.__file__) + os.sep
    in_program = False
    for filename, function in reversed(frames[-64:]):
        if _LIBRARY.search(filename) or filename.startswith(stdlib):
            # Further out, a library that reads data merely called the program back.
            if not in_program and _DATA_LIBRARY.search(filename):
                return True
            continue
        in_program = True
        if _READS_DATA.search(function) and not _READS_OTHERS.search(function):
            return True
    return False


def _message(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception as broken:  # the program's own __str__ may raise anything, and must not end the run's end
        return f"<its message could not be read: {type(broken).__name__}>"


def _traceback(exc: BaseException) -> str:
    import traceback

    try:
        return "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    except (MemoryError, RecursionError) as failure:
        return f"<the traceback could not be read: {type(failure).__name__}>"


def _without_paths(text: str) -> str:
    """Shorten absolute paths, which are noise to others and tell where somebody's home is."""
    try:
        here = os.getcwd()
    except OSError:
        here = ""
    places = [(here, ""), (sys.prefix, os.path.basename(sys.prefix)), (sys.base_prefix, "python")]
    text = re.sub(r'File "[^"\n]*/((?:site|dist)-packages/)', r'File "\1', text)
    for place, name in places:
        if len(place) > 1:
            text = text.replace(f'File "{place}{os.sep}', f'File "{name}{os.sep}' if name else 'File "')
    return text


def _head(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def _tail(text: str) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= _LONGEST_TRACEBACK:
        return text
    mark = "…\n"
    kept = data[-(_LONGEST_TRACEBACK - len(mark.encode())) :].decode("utf-8", "ignore")
    return mark + kept
