"""One call of the command line: what it may print, and the repository it opens."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtrack.cli.terminal import Terminal, write
from gtrack.config import truthy
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["Invocation", "one_line"]


@dataclass(frozen=True)
class Invocation:
    """What every command is given.

    Attributes:
        env: The environment.
        quiet: Print no notices.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False

    def __post_init__(self) -> None:
        if truthy(self.env.get("GTRACK_QUIET")):
            object.__setattr__(self, "quiet", True)

    @classmethod
    def silent(cls) -> Invocation:
        """Return an invocation in this process's environment that prints no notices."""
        import os

        return cls(env=dict(os.environ), quiet=True)

    @property
    def terminal(self) -> Terminal:
        """What standard output can show."""
        return Terminal.of(sys.stdout, self.env)

    @property
    def interactive(self) -> bool:
        """Somebody is there to be asked."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Print a result, on standard output."""
        write(sys.stdout, text + "\n")

    def notice(self, text: str) -> None:
        """Print progress or a remark on standard error, unless asked to be quiet."""
        if not self.quiet:
            # In a pipe of both, a remark comes where it belongs.
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
            write(sys.stderr, text + "\n")

    @contextmanager
    def repository(self) -> Iterator[Repo]:
        """Open the repository, and first record the runs that ended without being able to say so."""
        from gtrack.reader import Repo

        with Repo(env=self.env) as repo:
            for run_id in repo.recover():
                self.notice(f"gtrack: recorded run {run_id[:SHORT]}, which had ended")
            yield repo


def one_line(error: BaseException) -> str:
    """Return what an exception says as one line that is safe to print."""
    return clean(" ".join(str(error).split()) or type(error).__name__)
