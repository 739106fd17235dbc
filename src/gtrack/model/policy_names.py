"""Templates of runs' names, such as ``{project}-{model}-{version}``: how they are filled, and which names follow them.

================  ==================================================================================================
field             what stands for it in a name that is made
================  ==================================================================================================
``{index}``       the next number among the names that begin alike
``{version}``     the param or tag of that name, else ``v`` and the next number
``{project}``     the param or tag, else the repository's name
``{model}``       the param or tag, else the param or tag ``model_type``
``{key-params}``  up to four further params, as ``lr=0.05,depth=6``; ``default`` without any
``{experiment}``  the experiment; likewise ``{user}``, ``{date}`` (UTC) and ``{id}``, the first digits of the run's id
any other         the param or tag of that name; dots lead into inner maps
================  ==================================================================================================

A name that somebody chose follows the template when its fixed parts are there in order, ``{index}`` is a number,
``{version}`` is one such as ``v3`` or ``2.1``, and no other field is empty. What a field says is not compared with
params: names may abbreviate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["Template", "next_number", "parse_template"]

_PART = re.compile(r"\{([^{}]*)\}|([^{}]+)|(.)", re.DOTALL)
_FIELD = re.compile(r"[\w.-]{1,100}\Z")
_MOST_FIELDS = 20
_DIGITS = 20
_VERSION = re.compile(r"v?[0-9]{1,20}(?:\.[0-9]{1,20}){0,3}")


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read.

    Attributes:
        text: As it was written.
        parts: Its parts in order: whether each is a field, and the field's name or the fixed text.
    """

    text: str
    parts: tuple[tuple[bool, str], ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(dict.fromkeys(text for is_field, text in self.parts if is_field))

    def fill(self, value: Callable[[str, str], str | None]) -> tuple[str, tuple[str, ...]]:
        """Make a name.

        Args:
            value: From a field and the name's text before it to what stands for it; None where nothing does.

        Returns:
            The name, and the fields that nothing stands for: where there are any, the name is of no use.

        Example:
            >>> parse_template("{model}-{index}").fill(lambda field, before: {"model": "xgb", "index": "3"}[field])
            ('xgb-3', ())
        """
        name, missing = "", []
        for is_field, text in self.parts:
            found = value(text, name) if is_field else text
            if found:
                name += found
            else:
                missing.append(text)
        return name, tuple(dict.fromkeys(missing))

    def matches(self, name: str) -> bool:
        """Tell whether a name follows the template.

        Example:
            >>> parse_template("{project}-{model}-{version}").matches("churn-xgb-v3")
            True
        """
        ends = {0}
        for is_field, text in self.parts:
            if not is_field:
                ends = {at + len(text) for at in ends if name.startswith(text, at)}
            elif text == "index":
                ends = {end for at in ends for end in _number_ends(name, at)}
            elif text == "version":
                ends = {end for at in ends for end in _version_ends(name, at)}
            elif ends:
                ends = set(range(min(ends) + 1, len(name) + 1))
            if not ends:
                return False
        return len(name) in ends


def parse_template(text: str) -> Template:
    """Read a template.

    Raises:
        ValueError: It is none; the text says why.
    """
    parts: list[tuple[bool, str]] = []
    for match in _PART.finditer(text):
        if match[3] is not None:
            raise ValueError(f"has a {match[3]!r} that no other brace answers")
        if match[2] is not None:
            parts.append((False, match[2]))
        elif _FIELD.match(match[1]):
            parts.append((True, match[1]))
        else:
            raise ValueError(f"has the field {match[0]:.60}: a field is the name of a param or tag")
    count = sum(is_field for is_field, _ in parts)
    if not 1 <= count <= _MOST_FIELDS:
        raise ValueError(f"has {count} fields: a name is made of 1 to {_MOST_FIELDS}")
    return Template(text, tuple(parts))


def next_number(before: str, names: Iterable[str]) -> int:
    """Return the number after the highest one that follows a text in some names.

    Args:
        before: The text before the number.
        names: The names that there are.

    Example:
        >>> next_number("xgb-", ["xgb-1-lr=0.1", "xgb-v7", "other-9"])
        8
    """
    highest = 0
    for name in names:
        if name.startswith(before):
            digits = re.match(r"v?([0-9]{1,9})(?![0-9])", name[len(before) :])
            highest = max(highest, int(digits[1])) if digits else highest
    return highest + 1


def _number_ends(name: str, at: int) -> Iterable[int]:
    for end in range(at + 1, min(at + _DIGITS, len(name)) + 1):
        if name[end - 1] not in "0123456789":
            return
        yield end


def _version_ends(name: str, at: int) -> Iterable[int]:
    for end in range(at + 1, min(at + 90, len(name)) + 1):
        if _VERSION.fullmatch(name, at, end):
            yield end
