"""Which untracked files belong in a code snapshot: source, and neither data nor secrets."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gtrack.branch.secrets import find_secrets, is_secret_name
from gtrack.errors import UsageError

__all__ = [
    "MEBIBYTE",
    "SKIP_SUFFIXES",
    "LeftOut",
    "Selection",
    "SnapshotPolicy",
    "file_digest",
    "file_size",
    "read_regular",
    "select_untracked",
    "shown",
]

MEBIBYTE = 1 << 20
LISTED = 200
"""How many left out files are listed; of the rest there is a number, so that run.yaml stays small."""

SKIP_SUFFIXES = frozenset(
    # tables and arrays
    """.csv .tsv .parquet .feather .arrow .orc .avro .jsonl .ndjson .h5 .hdf5 .he5 .nc .zarr .npy .npz .mat .rds .rda
    .rdata .sas7bdat .sav .dta .xls .xlsx .ods .tfrecord .tfrecords .lmdb .mdb .db .duckdb .sqlite .sqlite3 .lance .arff
    .libsvm .svmlight .fasta .fastq .bam .vcf .dcm .nii .las .pcd .ply
    """  # models and pickles
    """.pkl .pickle .joblib .dill .pt .pth .ckpt .safetensors .onnx .pb .tflite .keras .gguf .ggml .bin .model .mlmodel
    .pmml .cbm .ubj .weights .params .engine .trt .caffemodel .msgpack
    """  # media and documents
    """.png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .heic .svg .psd .wav .mp3 .flac .ogg .m4a .aac .mp4 .avi .mov
    .mkv .webm .pdf .doc .docx .ppt .pptx .epub
    """  # archives and build products
    """.zip .tar .gz .tgz .bz2 .xz .zst .lz4 .7z .rar .whl .egg .jar .so .o .a .dylib .dll .exe .pyc .pyo .class .iso
    """.split()
)

_CACHES = frozenset(
    """
    node_modules site-packages __pycache__ __pypackages__ .mypy_cache .pytest_cache .ruff_cache .ipynb_checkpoints
    .tox .nox .hypothesis .eggs .cache .terraform mlruns lightning_logs tb_logs
    """.split()
)


@dataclass(frozen=True, slots=True)
class SnapshotPolicy:
    """What a code snapshot may hold.

    Args:
        code: ``snapshot``, ``commit-only`` (the commit's id, nothing written) or ``off`` (no git at all).
        max_bytes: The largest untracked file that is taken, in bytes.
        skip_suffixes: Lower-case suffixes, with their dot, of untracked files that are data and not code.
        max_untracked: How many untracked files are looked at; what lies deepest is left out first.
        max_total_bytes: How much the untracked files may hold together, in bytes.
    """

    code: str = "snapshot"
    max_bytes: int = MEBIBYTE
    skip_suffixes: frozenset[str] = field(default=SKIP_SUFFIXES, repr=False)
    max_untracked: int = 1000
    max_total_bytes: int = 32 * MEBIBYTE

    def __post_init__(self) -> None:
        if self.code not in ("snapshot", "commit-only", "off"):
            raise UsageError(f"{self.code!r} is no code policy", hint="choose snapshot, commit-only or off")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or with a trailing ``/`` a folder, that ran with the code and is not in its snapshot.

    Args:
        path: Its path from the top of the working tree.
        size: Its size in bytes, where it is a file.
        reason: Why: ``size``, ``total-size``, ``count``, ``suffix``, ``binary``, ``secret`` (untracked or newly
            added), ``secret-edit`` (the snapshot has the file as it is in HEAD), ``not-a-file``, ``link-outside``,
            ``embedded-repository``, ``cache``, ``virtual-environment``, ``assume-unchanged``, ``skip-worktree``,
            ``unreadable``, ``refused`` (by git).
        digest: The SHA-256 of its content, under 1 MiB and where it is not a secret.
    """

    path: str
    size: int | None
    reason: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The untracked files a snapshot takes, those it leaves out, and what its owner should hear of.

    Args:
        taken: Paths.
        left_out: At most ``LISTED`` files.
        warnings: Sentences.
        unlisted: How many more files were left out.
    """

    taken: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]
    unlisted: int = 0


def select_untracked(root: str, paths: Iterable[str], policy: SnapshotPolicy) -> Selection:
    """Return which untracked files go into a snapshot.

    Names are judged first, so that a hundred thousand images cost no system call; what remains is looked at from
    the top of the tree downwards, until the policy's bounds are reached.

    Args:
        root: The working tree.
        paths: Untracked and not ignored paths from ``root``, as git lists them: a repository inside ends in ``/``.
        policy: The bounds.
    """
    left: dict[str, str] = {}
    candidates = [path for path in _outside_of_tools(paths, left) if not _left_by_name(path, policy, left)]
    candidates.sort(key=lambda path: (path.count("/"), path))
    warnings: list[str] = []
    taken, total = [], 0
    for number, path in enumerate(candidates):
        reason, size = "count", 0
        if number < policy.max_untracked:
            reason, size = _judge(root, path, policy, warnings)
            if not reason and total + size > policy.max_total_bytes:
                reason = "total-size"
        if reason:
            left[path] = reason
        else:
            taken.append(path)
            total += size
    warnings += _bounds_reached(left, policy)
    listed = _listed(root, left)
    return Selection(tuple(sorted(taken)), listed, tuple(warnings), len(left) - len(listed))


def file_digest(path: str, limit: int = MEBIBYTE) -> str | None:
    """Return the SHA-256 of a regular file in hex, or None when it is larger than ``limit`` bytes or unreadable."""
    data = read_regular(path, limit)
    return None if data is None else hashlib.sha256(data).hexdigest()


def file_size(path: str) -> int | None:
    """Return the size of a file in bytes, or None when it is gone."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return None


def shown(path: str) -> str:
    """Return ``path`` as it may stand in a line of text."""
    return path if path.isprintable() else ascii(path)


def _outside_of_tools(paths: Iterable[str], left: dict[str, str]) -> Iterator[str]:
    """Yield the paths that are in no virtual environment and no tool's cache; note those folders in ``left``."""
    paths = list(paths)
    marker = "pyvenv.cfg"
    environments = tuple(path[: -len(marker)] for path in paths if path.endswith("/" + marker))
    for path in paths:
        folders = path.split("/")[:-1]
        if environment := next((folder for folder in environments if path.startswith(folder)), None):
            left[environment] = "virtual-environment"
        elif _CACHES.isdisjoint(folders):
            yield path
        else:
            first = next(depth for depth, name in enumerate(folders, start=1) if name in _CACHES)
            left["/".join(folders[:first]) + "/"] = "cache"


def _left_by_name(path: str, policy: SnapshotPolicy, left: dict[str, str]) -> bool:
    if path.endswith("/"):
        left[path] = "embedded-repository"
    elif is_secret_name(path):
        left[path] = "secret"
    elif posixpath.splitext(path)[1].lower() in policy.skip_suffixes:
        left[path] = "suffix"
    return path in left


def _judge(root: str, path: str, policy: SnapshotPolicy, warnings: list[str]) -> tuple[str, int]:
    """Return why a file is left out, or an empty string, and its size in bytes."""
    full = os.path.join(root, path)
    try:
        status = os.lstat(full)
        if stat.S_ISLNK(status.st_mode):
            return ("" if _stays_inside(path, os.readlink(full)) else "link-outside"), status.st_size
    except OSError:
        return "unreadable", 0
    if not stat.S_ISREG(status.st_mode):
        return "not-a-file", 0
    if status.st_size > policy.max_bytes:
        return "size", status.st_size
    return _judge_content(full, path, policy, warnings), status.st_size


def _judge_content(full: str, path: str, policy: SnapshotPolicy, warnings: list[str]) -> str:
    data = read_regular(full, policy.max_bytes)
    if data is None:
        return "unreadable"
    if b"\0" in data:
        return "binary"
    kinds = sorted(set(find_secrets(data).values()))
    if not kinds:
        return ""
    warnings.append(f"{shown(path)} is not in the code snapshot: it seems to hold a secret ({', '.join(kinds)})")
    return "secret"


def _stays_inside(path: str, target: str) -> bool:
    if target.startswith("/"):
        return False
    parts = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)).split("/")
    return parts[0] != ".." and ".git" not in (part.lower() for part in parts)


def read_regular(path: str, limit: int) -> bytes | None:
    """Return the content of a regular file of at most ``limit`` bytes, else None.

    It may have become a pipe or a link since it was listed: neither is waited for nor followed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        try:
            data = file.read(limit + 1)
        except OSError:
            return None
    return data if len(data) <= limit else None


def _bounds_reached(left: dict[str, str], policy: SnapshotPolicy) -> Iterator[str]:
    reasons = list(left.values())
    for reason, bound in (
        ("count", f"more than {policy.max_untracked} untracked source files"),
        ("total-size", f"more than {policy.max_total_bytes / MEBIBYTE:g} MiB of untracked source files"),
    ):
        if number := reasons.count(reason):
            yield f"{bound}: {number} are not in the code snapshot; add them to git or to .gitignore"


def _listed(root: str, left: dict[str, str]) -> tuple[LeftOut, ...]:
    """Return what was left out, at most ``LISTED`` entries: what is left out in masses gives way first."""
    number = Counter(left.values())
    rarest_first = sorted(left, key=lambda path: (number[left[path]], path))
    return tuple(_left_out(root, path, left[path]) for path in sorted(rarest_first[:LISTED]))


def _left_out(root: str, path: str, reason: str) -> LeftOut:
    full = os.path.join(root, path)
    size = None if path.endswith("/") else file_size(full)
    return LeftOut(path, size, reason, None if reason == "secret" or size is None else file_digest(full))
