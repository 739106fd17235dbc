r"""The 32-byte records of a journal: one layout, little-endian, every record self-describing.

=======  ====  ==========================================================================================
offset   type  meaning
=======  ====  ==========================================================================================
0        u32   kind in the low 8 bits, key id in the high 24
4        i32   rank of the writing process, -1 for none; in a key definition the key's length in bytes
8        i64   step
16       i64   time, nanoseconds since the epoch
24       f64   value
=======  ====  ==========================================================================================

Kinds: 0 nothing (a tail of zeros after a power loss is skipped), 1 header (magic ``gtrkjrnl`` and version in
place of step and time), 2 key definition (the first 24 bytes of the key in place of step, time and value),
3 continuation of a key definition (28 bytes of it after the first word), 4 value, 5 a refused value.
"""

from __future__ import annotations

import struct

__all__ = [
    "CONTINUATION",
    "HEADER",
    "KEY",
    "MAX_KEY_BYTES",
    "NO_RANK",
    "RECORD",
    "REJECTED",
    "SIZE",
    "VALUE",
    "VERSION",
    "header",
    "key_definition",
]

SIZE = 32
RECORD = struct.Struct("<Iiqqd")
HEADER, KEY, CONTINUATION, VALUE, REJECTED = 1, 2, 3, 4, 5
VERSION = 1
NO_RANK = -1
MAX_KEY_BYTES = 512
MAGIC = b"gtrkjrnl"
_KEY_HEAD = struct.Struct("<Ii24s")
_KEY_MORE = struct.Struct("<I28s")


def header(rank: int) -> bytes:
    """Return the first record of a journal."""
    return struct.pack("<Ii8sqd", HEADER, rank, MAGIC, VERSION, 0.0)


def key_definition(ident: int, key: bytes) -> bytes:
    """Return the records that give a key its id in this journal.

    Args:
        ident: The key's id, below 2**24.
        key: The key in UTF-8, 1 to 512 bytes.
    """
    word = ident << 8
    out = [_KEY_HEAD.pack(word | KEY, len(key), key[:24])]
    out.extend(_KEY_MORE.pack(word | CONTINUATION, key[at : at + 28]) for at in range(24, len(key), 28))
    return b"".join(out)
