"""``gtrack textconv``: what ``git diff`` and ``git log -p`` call to show a recorded file as text."""

from __future__ import annotations

import zlib

import click

from gtrack.cli.command import command as declare
from gtrack.cli.invocation import Invocation
from gtrack.display.console import ConsoleText

__all__ = ["command"]

_LARGEST_FILE = 16 * 1024 * 1024
_LONGEST_TEXT = 1024 * 1024


@declare("textconv", examples=["gtrack init --textconv && git log -p gtrack"], hidden=True)
@click.argument("file", type=click.Path())
@click.pass_obj
def command(invocation: Invocation, *, file: str) -> None:
    """Describe a recorded file in text, for git diff and git log -p: Parquet as a table, gzip as what is in it."""
    with open(file, "rb") as stream:
        data = stream.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        invocation.say(f"(larger than {_LARGEST_FILE // 1024**2} MiB: not shown)")
    elif data[:2] == b"\x1f\x8b":
        invocation.say(ConsoleText().feed(_unzip(data), final=True).rstrip("\n"))
    else:
        from gtrack.format.table import describe_parquet

        invocation.say(describe_parquet(data).rstrip("\n"))


def _unzip(data: bytes) -> bytes:
    """Return the first mebibyte of what is in a gzip file; a bomb is cut there, damage is said."""
    try:
        return zlib.decompressobj(wbits=31).decompress(data, _LONGEST_TEXT)
    except zlib.error as error:
        return f"(damaged: {error})".encode()
