"""Reading Thrift's compact protocol, as far as the headers of Parquet need it.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md. The reader is stricter than
others: what two readers could take for different values (fields out of order or twice, numbers beyond their type) is
refused, so that a check here holds for whoever decodes the file afterwards.
"""

from __future__ import annotations

from typing import Any

from gtrack.errors import DamageError

__all__ = ["BINARY", "I32", "I64", "LIST", "STRUCT", "Compact", "Struct"]

_TRUE, _FALSE, _BYTE, _I16, _DOUBLE = 1, 2, 3, 4, 7
I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
_BITS = {_I16: 16, I32: 32, I64: 64}
_MAX_LEVELS = 8
_MAX_LIST = 4096

Struct = dict[tuple[int, int], Any]
"""The fields of a struct by (number, wire type): a field of another type than expected is absent, as for Thrift."""


class Compact:
    """Reads structs from ``data`` at the offset ``at``, which moves along.

    Raises:
        DamageError: From every method, where the bytes are not what they should be.
        IndexError: From every method, at the end of the data.
    """

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def struct(self, level: int = 0) -> Struct:
        """Return the struct that begins here."""
        if level > _MAX_LEVELS:
            raise DamageError("a header is nested too deeply")
        fields: Struct = {}
        number = 0
        while head := self.data[self.at]:
            self.at += 1
            kind = head & 0x0F
            following = number + (head >> 4) if head >> 4 else self._integer(_I16)
            if following <= number:
                raise DamageError("the fields of a header are out of order")
            number = following
            fields[number, kind] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, level)
        self.at += 1
        return fields

    def _value(self, kind: int, level: int) -> Any:
        if kind in _BITS:
            return self._integer(kind)
        if kind == BINARY:
            return self._take(self._varint(32))
        if kind == STRUCT:
            return self.struct(level + 1)
        if kind == LIST:
            return self._list(level + 1)
        if kind in (_BYTE, _DOUBLE):
            return self._take(1 if kind == _BYTE else 8)
        raise DamageError("a header holds an unknown type")

    def _list(self, level: int) -> list[Any]:
        head = self.data[self.at]
        self.at += 1
        count = head >> 4 if head >> 4 != 0x0F else self._varint(32)
        if count > _MAX_LIST:
            raise DamageError("a header holds too long a list")
        return [self._value(head & 0x0F, level) for _ in range(count)]

    def _take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise IndexError
        return self.data[start : self.at]

    def _integer(self, kind: int) -> int:
        raw = self._varint(_BITS[kind])
        return (raw >> 1) ^ -(raw & 1)

    def _varint(self, bits: int) -> int:
        result = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= bits:
                raise DamageError("a header holds too large a number")
        if result >> bits:
            raise DamageError("a header holds too large a number")
        return result
