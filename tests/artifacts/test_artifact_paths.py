"""Paths of artifacts: what is safe anywhere is told from what is not, and anything becomes safe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from artifact_strategies import anything
from hypothesis import example, given
from hypothesis import strategies as st

from gtrack.format.artifact_path import MAX_BYTES, MAX_PARTS, canonical, fault

HOSTILE = {
    "../x": "..",
    "a/../../x": "..",
    "./x": "a part of it is .",
    "/etc/passwd": "absolute",
    "a//b": "empty",
    "a/": "empty",
    "": "empty",
    "C:/x": "colon",
    "a:stream": "colon",
    "a\\..\\b": "backslash",
    ".git/hooks/x": ".git",
    "a/.GIT/config": ".git",
    "GIT~1/x": ".git",
    ".g\u200cit/x": ".git",
    "con": "device",
    "x/NUL.txt": "device",
    "com1.tar.gz": "device",
    "lpt\u00b9": "device",
    "CONIN$": "device",
    "a\0b": "control",
    "a\nb": "control",
    "a\x9bb": "control",
    "gnp\u202egpj.exe": "control",
    "x.": "dot or a space",
    "x /y": "dot or a space",
    "\udc80": "UTF-8",
    "x" * (MAX_BYTES + 1): "longer",
    "x" * 256: "longer",
    "a/" * MAX_PARTS + "b": "parts",
}


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: repr(path)[:30])
def test_a_path_that_leads_elsewhere_on_some_system_is_refused_for_a_reason(path: str) -> None:
    assert HOSTILE[path] in str(fault(path))


@pytest.mark.parametrize(
    "path",
    ["a", "plots/roc.png", "données/été.csv", "日本/図.png", ".gitignore", ".github/x", "config", "console.log", "a b",
     "x" * 255, "loss|val?.png", "~/x", "-rf", "null", "a" + "/a" * (MAX_PARTS - 1)],
)  # fmt: skip
def test_a_path_that_is_safe_stays_as_it_is(path: str) -> None:
    assert fault(path) is None
    assert canonical(path) == path


@given(anything)
@example("/".join(["é" * 120] * 5))
@example(" /./..")
@example("x" * 400 + "/" + "y" * 400 + ".png")
def test_what_a_user_names_becomes_a_safe_path_and_stays_it(text: str) -> None:
    path = canonical(text)
    assert fault(path) is None
    assert canonical(path) == path


@given(anything.map(canonical))
def test_a_safe_path_stays_below_the_folder_that_it_is_joined_to(path: str) -> None:
    joined = os.path.normpath(os.path.join("/root", path))
    assert joined == f"/root/{path}"


@given(st.one_of(st.binary(max_size=20), st.integers(), st.none(), st.floats(), st.lists(st.text())))
def test_anything_at_all_becomes_a_safe_path(value: object) -> None:
    assert fault(canonical(value)) is None


def test_what_cannot_even_be_shown_becomes_a_safe_path() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert canonical(Broken()) == "Broken"
    assert canonical(Path("plots") / "a.png") == "plots/a.png"
    assert canonical("plots/../a.png") == "a.png"


def test_long_names_that_differ_stay_different_and_keep_their_endings() -> None:
    made = {canonical("x" * 500 + f"{n}.png") for n in range(3)}
    assert len(made) == 3
    assert all(path.endswith(".png") for path in made)
