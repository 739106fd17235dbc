r"""``REGEXP``: regular expressions that no pattern and no text can make slow.

Python's ``re`` goes back over the text, and ``(a+)+$`` keeps it busy for ever on forty letters. Here a pattern becomes
an automaton that is in all its possible states at once (Thompson, 1968; https://swtch.com/~rsc/regexp/regexp1.html),
so that every character is looked at once. The price: no look-around, no references back, no flags.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["MAX_PATTERN", "MAX_TEXT", "Regexp", "compile_regexp"]

MAX_PATTERN = 500
"""Characters of a pattern."""
MAX_TEXT = 4096
"""Characters of a text; a longer one is not searched."""
_MAX_DEPTH = 30
_MAX_STATES = 1000
_MAX_WORK = 20_000
_MAX_CACHE = 10_000
_TOKEN = re.compile(
    r"(?P<set>\\[dDwWsS]|\[\^?\]?(?:\\.|[^\]\\])*\]|\.)|(?P<escape>\\.)|(?P<open>\((?:\?:)?)|(?P<close>\))|(?P<bar>\|)"
    r"|(?P<repeat>(?:[*+?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})\??)|(?P<start>\^)|(?P<end>\$)|(?P<char>.)",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_Test = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class _Char:
    test: _Test


@dataclass(frozen=True, slots=True)
class _Edge:
    at_start: bool


@dataclass(frozen=True, slots=True)
class _Repeat:
    item: _Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class _Choice:
    """Alternatives, each a sequence."""

    options: tuple[tuple[_Node, ...], ...]


_Node = _Char | _Edge | _Repeat | _Choice


@lru_cache(maxsize=128)
def compile_regexp(pattern: str) -> Regexp:
    """Return a pattern made ready for searching.

    Raises:
        ValueError: The pattern is too long, not well formed, or uses what is not supported; the message says what.
    """
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"the pattern has {len(pattern):,} characters; {MAX_PATTERN} is the most")
    return Regexp(_Parser(pattern).parse())


class _Parser:
    """From a pattern's text to its parts, by recursive descent of bounded depth."""

    def __init__(self, pattern: str) -> None:
        self.tokens = [(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(pattern)]
        self.at = 0

    def parse(self) -> _Choice:
        whole = self._choice(0)
        if self.at < len(self.tokens):
            raise ValueError("the pattern has a ')' too many")
        return whole

    def _choice(self, depth: int) -> _Choice:
        if depth > _MAX_DEPTH:
            raise ValueError(f"the pattern nests more than {_MAX_DEPTH} groups")
        options: list[tuple[_Node, ...]] = []
        sequence: list[_Node] = []
        while self.at < len(self.tokens) and self.tokens[self.at][0] != "close":
            kind, text = self.tokens[self.at]
            self.at += 1
            if kind == "bar":
                options.append(tuple(sequence))
                sequence = []
            elif kind == "repeat":
                sequence[-1:] = [_repeated(sequence[-1:], text)]
            elif kind == "open":
                sequence.append(self._group(depth))
            else:
                sequence.append(_Edge(kind == "start") if kind in ("start", "end") else _Char(_test(kind, text)))
        return _Choice((*options, tuple(sequence)))

    def _group(self, depth: int) -> _Choice:
        if self.at < len(self.tokens) and self.tokens[self.at][1].startswith("?"):
            raise ValueError("groups that begin with (? are not supported, except (?:...)")
        inner = self._choice(depth + 1)
        if self.at == len(self.tokens):
            raise ValueError("the pattern has a '(' that nothing closes")
        self.at += 1
        return inner


def _repeated(items: list[_Node], text: str) -> _Repeat:
    if not items or isinstance(items[0], _Repeat | _Edge):
        raise ValueError(f"the pattern has a {text!r} with nothing before it to repeat")
    if text[0] != "{":
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[text[0]]
        return _Repeat(items[0], least, most)
    low, comma, high = text.strip("{}?").partition(",")
    least, most = int(low), int(high) if high else None if comma else int(low)
    if most is not None and most < least:
        raise ValueError(f"the pattern repeats {text!r}: the second number is the smaller one")
    return _Repeat(items[0], least, most)


def _test(kind: str, text: str) -> _Test:
    """Return whether one character is meant; for sets that is left to ``re``, which needs no way back for that."""
    if kind == "set":
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of set operations that a later Python may bring
                return re.compile(text).match
        except re.error as error:
            raise ValueError(f"the pattern's {text!r}: {error.msg}") from None
    if kind == "char" and text in "[\\":
        raise ValueError("the pattern ends within a set" if text == "[" else "the pattern ends with a backslash")
    if kind == "escape":
        text = text[1]
        if text.isalnum() and text not in _ESCAPES:
            raise ValueError(f"the pattern's '\\{text}' is not supported")
        text = _ESCAPES.get(text, text)
    return text.__eq__


@dataclass(slots=True)
class _State:
    """A place in the automaton: it consumes a character, holds at an edge of the text, or leads on for nothing."""

    test: _Test | None = None
    edge: bool | None = None
    next: tuple[int, ...] = ()


class _Builder:
    """From a pattern's parts to states, each built with what follows it known."""

    def __init__(self) -> None:
        self.states = [_State()]
        self.work = 0

    def _new(self, state: _State) -> int:
        if len(self.states) >= _MAX_STATES:
            raise ValueError("the pattern repeats too much")
        self.states.append(state)
        return len(self.states) - 1

    def build(self, node: _Node, then: int) -> int:
        self.work += 1
        if self.work > _MAX_WORK:
            raise ValueError("the pattern repeats too much")
        match node:
            case _Char(test):
                return self._new(_State(test=test, next=(then,)))
            case _Edge(at_start):
                return self._new(_State(edge=at_start, next=(then,)))
            case _Choice(options):
                starts = tuple(self._sequence(option, then) for option in options)
                return starts[0] if len(starts) == 1 else self._new(_State(next=starts))
            case _Repeat(item, least, most):
                return self._repeat(item, least, most, then)

    def _sequence(self, items: tuple[_Node, ...], then: int) -> int:
        for item in reversed(items):
            then = self.build(item, then)
        return then

    def _repeat(self, item: _Node, least: int, most: int | None, then: int) -> int:
        after = then
        if most is None:
            after = self._new(_State())
            self.states[after].next = (self.build(item, after), then)
        else:
            for _ in range(most - least):
                after = self._new(_State(next=(self.build(item, after), then)))
        for _ in range(least):
            after = self.build(item, after)
        return after


class Regexp:
    """A pattern made ready; :func:`compile_regexp` makes and keeps them."""

    def __init__(self, whole: _Choice) -> None:
        builder = _Builder()
        self._first = builder.build(whole, 0)
        self._states = builder.states
        self._steps: dict[tuple[frozenset[int], str, bool], frozenset[int]] = {}

    def search(self, text: str) -> bool | None:
        """Tell whether the pattern is found anywhere in a text; None for a text too long to be searched."""
        if len(text) > MAX_TEXT:
            return None
        current = self._reach((self._first,), at_start=True, at_end=not text)
        last = len(text) - 1
        for index, char in enumerate(text):
            if 0 in current:
                return True
            step = (current, char, index == last)
            following = self._steps.get(step)
            if following is None:
                following = self._step(*step)
                if len(self._steps) >= _MAX_CACHE:
                    self._steps.clear()
                self._steps[step] = following
            current = following
        return 0 in current

    def _step(self, current: frozenset[int], char: str, at_end: bool) -> frozenset[int]:
        states = (self._states[number] for number in current)
        moved = [state.next[0] for state in states if state.test is not None and state.test(char)]
        return self._reach((*moved, self._first), at_start=False, at_end=at_end)

    def _reach(self, numbers: Iterable[int], *, at_start: bool, at_end: bool) -> frozenset[int]:
        """Return the states that are reached without a further character."""
        found: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            found.add(number)
            state = self._states[number]
            holds = state.edge is None or (at_start if state.edge else at_end)
            if state.test is None and holds:
                waiting.extend(state.next)
        return frozenset(found)
