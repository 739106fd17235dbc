"""The content of many objects from one ``git cat-file``, which reads on while the caller looks at what came."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import select
import tempfile
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from gtrack.branch.bounded import NO_FETCH
from gtrack.branch.git import NO_HOOKS, TIMEOUT, Git
from gtrack.branch.repository import Repository
from gtrack.errors import GitError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["contents"]

_CAT_FILE = ("--no-pager", *NO_HOOKS, "cat-file", "--batch", "--buffer")
_PIECE = 1 << 20


def contents(repo: Repository, oids: Sequence[str], *, limit: int | None = None) -> Generator[bytes | None, None, None]:
    """Yield the content of each object in the order asked for, None for one that is missing.

    What a partial clone left at its remote is fetched before, all of it at once.

    Args:
        repo: The repository; it has the git executable.
        oids: The ids of objects.
        limit: Of longer ones only the first ``limit + 1`` bytes are kept, which shows that they are longer.

    Raises:
        GitError: Git failed, or took too long.
        UnfetchedObjectError: A partial clone's remote could not be reached.
    """
    if not oids:
        return
    repo.bring(oids)
    # Git stops at one that it takes for promised and that no remote has.
    lacking = frozenset(repo.objects.absent(oids) if repo.promisors else ())
    with _cat_file(repo, [oid for oid in oids if oid not in lacking]) as out:
        for oid in oids:
            yield None if oid in lacking else _answer(out, limit)
        return
    raise GitError("git cat-file stopped before it had read everything")


def _answer(out: BinaryIO, limit: int | None) -> bytes | None:
    """Read what git says of one object; https://git-scm.com/docs/git-cat-file, "Batch output".

    Raises:
        EOFError: It has ended.
    """
    line = out.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    if line.endswith(b" missing\n"):
        return None
    head = line.split(b" ")
    if len(head) != 3:
        raise GitError(f"git cat-file answered {line!r:.100}")
    size = int(head[2])
    if limit is None or size <= limit:
        return _exactly(out, size + 1)[:-1]
    content = _exactly(out, limit + 1)
    left = size - limit  # the line end included
    while left:
        left -= len(_exactly(out, min(left, _PIECE)))
    return content


def _exactly(out: BinaryIO, count: int) -> bytes:
    content = out.read(count)
    if len(content) < count:
        raise EOFError
    return content


@contextlib.contextmanager
def _cat_file(repo: Repository, oids: Sequence[str]) -> Iterator[BinaryIO]:
    """Run git on a list of objects and give what it writes; git stops where no more is wanted.

    A body that raises EOFError is left quietly, unless git says why there is no more.
    """
    import subprocess

    git = repo.git
    assert git is not None
    argv = [git.executable, *_CAT_FILE]
    env = {**git.env, **NO_FETCH, "GIT_DIR": repo.paths.git_dir}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write("".join(f"{oid}\n" for oid in oids).encode())
        given.seek(0)
        with subprocess.Popen(argv, env=env, stdin=given, stdout=subprocess.PIPE, stderr=complaints) as process:
            assert process.stdout is not None
            _widen(process.stdout.fileno())
            try:
                yield io.BufferedReader(_Pipe(process.stdout.fileno()), 1 << 16)
            except EOFError:
                pass
            except BaseException:
                process.kill()
                raise
        complaints.seek(0)
        said = complaints.read(64 << 10)
    if process.returncode != 0:
        raise Git.failure(_CAT_FILE, subprocess.CompletedProcess(argv, process.returncode, b"", said))


def _widen(fd: int) -> None:
    """Let git read further ahead than the 64 KiB that a pipe usually holds; only Linux can do it."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # one user's pipes may have no more together
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIECE)


class _Pipe(io.RawIOBase):
    """The reading end of a pipe whose writer may take its time, but not for ever."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()  # select() takes no descriptor above 1023
        self._poll.register(fd, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._poll.poll(TIMEOUT * 1000):
            raise GitError(f"git cat-file took longer than {TIMEOUT:g} s and was stopped")
        return os.readv(self._fd, [buffer])
