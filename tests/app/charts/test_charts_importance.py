"""Which params matter, and what too few runs cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from figure_world import NAMES, checked, runs_table

from gtrack._app.charts.forest import importance
from gtrack._app.charts.importance import importance_figure
from gtrack.errors import UsageError


def table(count=80, seed=0):
    random = np.random.default_rng(seed)
    lr, depth = 10 ** random.uniform(-5, -1, count), random.integers(2, 9, count)
    opt = random.choice(["adam", "lion", "sgd"], count)
    loss = (np.log10(lr) + 3) ** 2 + 0.5 * (opt == "sgd") - 0.01 * depth + 0.01 * random.normal(size=count)
    return runs_table(
        count,
        **{
            "params.lr": lr, "params.depth": depth, "params.opt": opt, "params.same": [1] * count,
            "params.noise": random.normal(size=count), "params.seed": np.arange(count),
            "params.double": depth * 2, "metrics.loss": loss, "metrics.down": -depth.astype(float),
        },
    )  # fmt: skip


def shares(figure):
    (trace,) = figure.traces
    return dict(zip(trace["customdata"], trace["x"], strict=True))


def test_the_param_that_decides_comes_first_even_where_it_does_not_correlate():
    found = checked(importance_figure(table(), "metrics.loss"))
    assert found.traces[0]["customdata"][0] == "params.lr"
    assert shares(found)["params.lr"] > 0.5
    assert shares(found)["params.opt"] > 0.02 > shares(found)["params.noise"]


def test_seeds_and_params_that_are_the_same_everywhere_are_no_candidates():
    assert {"params.seed", "params.same"} & set(shares(importance_figure(table(), "metrics.loss"))) == set()


def test_the_arrow_says_which_way_the_metric_goes():
    found = checked(importance_figure(table(), "metrics.down", params=["params.depth", "params.opt"]))
    assert found.layout["yaxis"]["ticktext"] == ["depth ↓1.00", "opt"]


def test_params_that_change_together_are_named():
    assert "depth, double always change together" in importance_figure(table(), "metrics.loss").note


def test_an_interaction_is_found():
    random = np.random.default_rng(0)
    features = random.integers(0, 2, (200, 3)).astype(float)
    found = importance(features, np.logical_xor(features[:, 0], features[:, 1]).astype(float), [False] * 3)
    assert min(found.shares[:2]) > 0.2 > found.shares[2]
    assert found.explained > 0.9


def test_categories_in_no_order_are_parted():
    random = np.random.default_rng(0)
    category = random.integers(0, 20, 60).astype(float)
    target = (category % 2) + 0.1 * random.normal(size=60)
    as_numbers = importance(category[:, None], target, [False]).explained
    assert importance(category[:, None], target, [True]).explained > as_numbers + 0.2


def test_a_category_for_each_run_says_nothing():
    random = np.random.default_rng(0)
    found = importance(np.arange(60.0)[:, None], random.normal(size=60), [True])
    assert found.explained < 0.1
    assert found.shares[0] < 0.1


def test_noise_explains_nothing_and_the_note_says_so():
    random = np.random.default_rng(3)
    noise = runs_table(40, **{"params.a": random.normal(size=40), "metrics.m": random.normal(size=40)})
    found = checked(importance_figure(noise, "metrics.m"))
    assert "it explains 0%" in found.note
    assert "tell nothing" in found.note


def test_it_says_the_same_every_time():
    one, other = (importance_figure(table(), "metrics.loss") for _ in range(2))
    assert shares(one) == shares(other)


def test_few_runs_are_said_to_be_few():
    few = runs_table(8, **{"params.a": list(range(8)), "metrics.m": [float(n) for n in range(8)]})
    assert "fewer than 10 runs: this may be chance" in importance_figure(few, "metrics.m").note


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"params.a": [1, 2], "metrics.m": [1.0, 2.0]}, "2 runs with m: too few to tell"),
        (
            {"params.a": [1] * 6, "metrics.m": [float(n) for n in range(6)]},
            "6 runs with m: no param differs among them",
        ),
        ({"params.a": list(range(6)), "metrics.m": [1.0] * 6}, "6 runs with m: all have the same m"),
        ({"metrics.m": [float("nan")] * 6}, "0 runs with m: too few to tell"),
    ],
)
def test_where_nothing_can_be_told_the_note_says_why(columns, note):
    found = checked(importance_figure(runs_table(len(columns["metrics.m"]), **columns), "metrics.m"))
    assert (found.traces, found.note) == ((), note)


def test_texts_cannot_be_explained():
    with pytest.raises(UsageError, match="no numbers"):
        importance_figure(table(), "status")


def test_many_runs_are_a_sample_that_is_told():
    random = np.random.default_rng(0)
    many = runs_table(2_000, **{"params.a": random.normal(size=2_000), "metrics.m": random.normal(size=2_000)})
    assert "of 2,000 runs 300 were looked at" in importance_figure(many, "metrics.m").note


def test_hostile_names_are_text():
    names = [name.replace("\ud800", "") for name in NAMES]
    count = len(names)
    hostile = runs_table(count, **{f"params.{name[:90] or 'x'}": names for name in names[:3]}, **{
        "metrics.<i>m</i>": [float(n) for n in range(count)]})  # fmt: skip
    checked(importance_figure(hostile, "metrics.`<i>m</i>`"))
