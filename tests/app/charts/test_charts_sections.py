"""Metrics by sections."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gtrack._app.charts.sections import in_order, natural, sections


def named(*keys):
    return [(section.name, list(section.keys)) for section in sections(keys)]


def test_a_slash_and_a_dot_make_a_prefix():
    assert named("train/loss", "train.acc", "lr") == [("metrics", ["lr"]), ("train", ["train.acc", "train/loss"])]


def test_a_number_with_a_point_makes_none():
    assert named("acc@0.5", "top1.5", "v2.loss") == [("metrics", ["acc@0.5", "top1.5"]), ("v2", ["v2.loss"])]


def test_validation_comes_after_training_and_the_machine_last():
    keys = ("system/cpu", "zeta/x", "aux/x", "val/loss", "test/loss", "train/loss", "loss")
    assert [section.name for section in sections(keys)] == ["metrics", "train", "val", "test", "aux", "zeta", "system"]


def test_a_metric_of_validation_stands_beside_that_of_training():
    keys = ["val_loss", "train_acc", "lr", "train_loss", "val_acc"]
    assert in_order(keys) == ["train_acc", "val_acc", "train_loss", "val_loss", "lr"]


def test_numbers_in_names_are_sorted_by_value():
    assert in_order(["layer10", "layer9", "Layer1"]) == ["Layer1", "layer9", "layer10"]


@given(st.lists(st.text(alphabet="tranvl_/.0123456789AB é") | st.text(), max_size=30))
def test_every_metric_is_in_exactly_one_section(keys):
    found = [key for section in sections(keys) for key in section.keys]
    assert sorted(found) == sorted(set(keys))


@given(st.lists(st.text(alphabet="ab0123456789٣") | st.integers(0, 10**30).map(str), max_size=20))
def test_any_names_can_be_sorted_and_the_order_does_not_depend_on_the_given_one(names):
    assert sorted(names, key=natural) == sorted(names, key=natural)
    assert in_order(names) == in_order(names[::-1])
