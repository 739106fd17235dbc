"""What ``gtrack ui`` was told, for the pages: they run in the server's own process."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Options", "current", "use"]


@dataclass(frozen=True, slots=True)
class Options:
    """How the dashboard is opened.

    Attributes:
        path: A folder of the repository that is shown.
        read_only: Nothing can be changed from the dashboard.
    """

    path: str = "."
    read_only: bool = False


_current = Options()


def use(options: Options) -> None:
    """Show the pages of every session with these options from now on."""
    global _current  # noqa: PLW0603  # one server a process, and Streamlit runs pages without arguments
    _current = options


def current() -> Options:
    """Return the options that the server was started with; those of the working directory where there is none."""
    return _current
