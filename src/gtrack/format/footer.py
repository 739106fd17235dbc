"""The footer and the page headers of a Parquet file, checked before Arrow sees any of it.

Arrow trusts a footer in places where a false one ends the process (an exception in a column's size statistics), fills
the stack (a deep schema), or takes memory without end (a page of 2 GB in a file of 1 KB, byte arrays that share their
beginnings). So gtrack reads both kinds of header itself and lets through what its own writer makes. Source:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

from dataclasses import dataclass

from gtrack.errors import DamageError
from gtrack.format.thrift import BINARY, I32, I64, LIST, STRUCT, Compact, Struct

__all__ = [
    "CURVES",
    "MAX_DECODED_BYTES",
    "MAX_FILE_BYTES",
    "MAX_ROWS",
    "Footer",
    "Limits",
    "check_pages",
    "read_footer",
]

MAX_FILE_BYTES = 8 << 20
"""The largest file that is read."""

MAX_ROWS = 4_000_000
"""The most rows in one file."""

MAX_DECODED_BYTES = 256 << 20
"""The most memory that the pages of one file may take when decompressed."""

_REQUIRED, _OPTIONAL = 0, 1
_PHYSICAL = frozenset((0, 1, 2, 4, 5, 6))  # bool, int32, int64, float, double, byte array
_ZSTD = 6
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
# PLAIN, PLAIN_DICTIONARY, DELTA_BINARY_PACKED, RLE_DICTIONARY, BYTE_STREAM_SPLIT.
_ENCODINGS = frozenset((0, 2, 5, 8, 9))
# What Arrow would interpret and gtrack never writes: other files, encryption; plain and geographic statistics.
_FILE_REFUSED = frozenset((8, 9))
_CHUNK_REFUSED = frozenset((1, 8, 9))
_COLUMN_REFUSED = frozenset((12, 17))
_ARROW_SCHEMA = "ARROW:schema"  # may ask for extension types


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may be.

    Attributes:
        file: Bytes of it.
        footer: Bytes of its footer.
        columns: How many it may have.
        cells: Values in all: a million equal ones take a few bytes of a file, and 8 MB of memory.
        optional: Values may be missing.
    """

    file: int
    footer: int
    columns: int
    cells: int
    optional: bool = False


CURVES = Limits(MAX_FILE_BYTES, footer=256 << 10, columns=100, cells=100 * MAX_ROWS)
"""What a file of metrics may be."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where one column of one row group stands in the file, its rows included."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class Footer:
    """What a footer says: the names of the columns, the number of rows, the text stored with it, the chunks."""

    columns: tuple[str, ...]
    rows: int
    metadata: dict[str, str]
    chunks: tuple[Chunk, ...]


def read_footer(data: bytes, limits: Limits = CURVES) -> Footer:
    """Return the footer of a Parquet file.

    Args:
        data: The whole file.
        limits: What it may be.

    Raises:
        DamageError: It is no Parquet file, is beyond a limit, or uses what gtrack does not write.
    """
    if len(data) > limits.file:
        raise DamageError(f"the file is {len(data):,} bytes long; at most {limits.file:,} are read")
    length = int.from_bytes(data[-8:-4], "little")
    if len(data) < 12 or data[:4] != b"PAR1" or data[-4:] != b"PAR1" or length > len(data) - 12:
        raise DamageError("the file is not Parquet")
    if length > limits.footer:
        raise DamageError("the footer is too large")
    reader = Compact(data[-8 - length : -8])
    try:
        fields = reader.struct()
        if reader.at != length:
            raise DamageError("the footer is followed by something else")
        return _footer(fields, len(data) - 8 - length, limits)
    except (LookupError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise DamageError("the footer is damaged") from error


def _footer(fields: Struct, end: int, limits: Limits) -> Footer:
    _refuse(fields, _FILE_REFUSED)
    root, *leaves = fields[2, LIST]
    if root[5, I32] != len(leaves) or not 1 <= len(leaves) <= limits.columns:
        raise DamageError("the table is nested, or has too many columns")
    flat = (_REQUIRED, _OPTIONAL) if limits.optional else (_REQUIRED,)
    if any(leaf.get((5, I32)) or leaf[3, I32] not in flat or leaf[1, I32] not in _PHYSICAL for leaf in leaves):
        raise DamageError("a column is nested, may hold nulls, or is of a type that gtrack does not write")
    rows = fields[3, I64]
    if not 0 <= rows <= MAX_ROWS or rows * len(leaves) > limits.cells:
        raise DamageError(f"the footer claims {rows:,} rows of {len(leaves)} columns: that is too much to read")
    groups = [group for group in fields[4, LIST] if group[3, I64] or rows]
    if sum(group[3, I64] for group in groups) != rows:
        raise DamageError("the row groups and the footer disagree about the rows")
    pairs = fields.get((5, LIST), [])
    metadata = {pair[1, BINARY].decode(): pair.get((2, BINARY), b"").decode() for pair in pairs}
    if _ARROW_SCHEMA in metadata:
        raise DamageError("the footer holds an Arrow schema")
    columns = tuple(leaf[4, BINARY].decode() for leaf in leaves)
    return Footer(columns, rows, metadata, tuple(chunk for group in groups for chunk in _chunks(group, leaves, end)))


def _chunks(group: Struct, leaves: list[Struct], end: int) -> list[Chunk]:
    if len(group[1, LIST]) != len(leaves):
        raise DamageError("a row group lacks columns")
    pairs = zip(group[1, LIST], leaves, strict=True)
    return [_chunk(column, leaf, group[3, I64], end) for column, leaf in pairs]


def _chunk(fields: Struct, leaf: Struct, rows: int, end_of_data: int) -> Chunk:
    _refuse(fields, _CHUNK_REFUSED)
    column = fields[3, STRUCT]
    _refuse(column, _COLUMN_REFUSED)
    if column[3, LIST] != [leaf[4, BINARY]] or column[1, I32] != leaf[1, I32]:
        raise DamageError("a column is not the one that the schema names")
    if column[4, I32] != _ZSTD or column[5, I64] != rows or rows <= 0:
        raise DamageError("a column is not as gtrack writes it")
    # Histograms of levels: Arrow ends the process when one is not as long as it expects.
    sizes = column.get((16, STRUCT), {})
    expected = {2: (0, 1), 3: (0, 2) if leaf[3, I32] == _OPTIONAL else (0, 1)}
    if any(len(sizes.get((number, LIST), ())) not in lengths for number, lengths in expected.items()):
        raise DamageError("a column has size statistics that gtrack does not write")
    start = column[9, I64]
    dictionary = column.get((11, I64), 0)
    if 0 < dictionary < start:
        start = dictionary
    end = start + column[7, I64]
    if not 4 <= start <= end <= end_of_data:
        raise DamageError("a column lies outside of the file")
    return Chunk(start, end, rows)


def _refuse(fields: Struct, numbers: frozenset[int]) -> None:
    if any(number in numbers for number, _ in fields):
        raise DamageError("the footer holds what gtrack does not write")


def check_pages(data: bytes, footer: Footer) -> None:
    """Refuse pages that would take too much memory, or that are not what the footer says.

    Args:
        data: The whole file.
        footer: Its footer.

    Raises:
        DamageError: A page header is damaged, too large, or of an encoding that gtrack does not write.
    """
    left = MAX_DECODED_BYTES
    for chunk in footer.chunks:
        reader = Compact(data, chunk.start)
        rows = 0
        while reader.at < chunk.end:
            try:
                size, values = _page(reader, first=reader.at == chunk.start)
            except (LookupError, TypeError, AttributeError) as error:
                raise DamageError("a page header is damaged") from error
            left -= size
            rows += values
            if left < 0:
                raise DamageError(f"the file unpacks to more than {MAX_DECODED_BYTES:,} bytes")
        if reader.at != chunk.end or rows != chunk.rows:
            raise DamageError("a column does not hold the rows that the footer claims")


def _page(reader: Compact, *, first: bool) -> tuple[int, int]:
    """Step over a page; return its size when decompressed and its number of rows."""
    header = reader.struct()
    kind, size, stored = header[1, I32], header[2, I32], header[3, I32]
    if kind != _DATA_PAGE and not (kind == _DICTIONARY_PAGE and first):
        raise DamageError("a page is of a kind that gtrack does not write")
    own = header[5 if kind == _DATA_PAGE else 7, STRUCT]
    values, encoding = own[1, I32], own[2, I32]
    if size < 0 or stored < 0 or not 0 <= values <= MAX_ROWS or encoding not in _ENCODINGS:
        raise DamageError("a page is not as gtrack writes it")
    reader.at += stored
    return size, values if kind == _DATA_PAGE else 0
