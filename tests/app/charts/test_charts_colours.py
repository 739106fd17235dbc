"""Colours: from the id, apart from each other, and visible on any paper."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.colours import COLOURS, MISSING, SCALE, inks

names = st.lists(st.text("0123456789abcdef", min_size=4, max_size=8), unique=True, max_size=60)


def linear(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def oklab(colour):
    """Björn Ottosson's, from https://bottosson.github.io/posts/oklab/"""
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
    to_lab = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
              [0.0259040371, 0.7827717662, -0.808675766]]  # fmt: skip
    return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ linear(colour))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_is_seen_on_white_and_on_dark_paper():
    for colour in COLOURS:
        assert contrast(colour, "#FFFFFF") >= 3, colour
        assert contrast(colour, "#0E1117") >= 3, colour
    for colour in (MISSING, *(colour for _, colour in SCALE)):
        assert min(contrast(colour, "#FFFFFF"), contrast(colour, "#0E1117")) >= 2.4, colour


def test_any_two_colours_are_told_apart():
    places = [oklab(colour) for colour in COLOURS]
    distances = [np.linalg.norm(one - other) for at, one in enumerate(places) for other in places[:at]]
    assert min(distances) > 0.08


@given(names)
def test_as_long_as_there_are_colours_no_two_have_the_same(shown):
    found = inks(shown)
    assert len(set(found.values())) == len(shown)
    assert len({ink.colour for ink in list(found.values())[: len(COLOURS)]}) == min(len(shown), len(COLOURS))


@given(names, names)
def test_a_later_run_changes_nobodys_colour(before, after):
    found = inks([*before, *after])
    assert {name: found[name] for name in before} == inks(before)


def test_alone_a_runs_colour_follows_from_its_id():
    ids = [f"{number:032x}" for number in range(200)]
    alone = {run: inks([run])[run] for run in ids}
    assert len({ink.colour for ink in alone.values()}) == len(COLOURS)
    kept = [inks(ids[at : at + 3])[ids[at + 2]] == alone[ids[at + 2]] for at in range(198)]
    assert sum(kept) > 150  # of three runs shown, the third seldom gives way


def test_where_colours_come_again_the_patterns_of_lines_differ():
    found = list(inks(map(str, range(50))).values())
    assert {ink.dash for ink in found[:20]} == {"solid"}
    assert {ink.dash for ink in found[20:40]} == {"dash"}
    assert {ink.dash for ink in found[40:]} == {"dot"}
