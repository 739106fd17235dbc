"""The command line: ``gtrack`` and ``git track``."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: The arguments after the program's name; by default those of this process.

    Returns:
        0 done, 1 a check says no, 2 usage, 3 not found, 4 conflict or locked, 5 network or authentication, 6 damage
        found, 7 format too new, 70 a bug of gtrack, 130 interrupted; ``gtrack run`` returns its command's own.
    """
    import os
    import sys

    from gtrack.cli.application import application, complete
    from gtrack.cli.errors import guarded
    from gtrack.cli.invocation import Invocation

    program = "git track" if os.path.basename(sys.argv[0]) == "git-track" else "gtrack"
    arguments = list(sys.argv[1:] if argv is None else argv)
    environment = dict(os.environ)

    def action() -> int | None:
        if instruction := environment.get("_GTRACK_COMPLETE"):
            return complete(instruction)
        with application.make_context(program, arguments, obj=Invocation(env=environment)) as context:
            code = application.invoke(context)
        return code if isinstance(code, int) else 0

    return guarded(action, environment)
