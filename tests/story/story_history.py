"""The code of the story: a model that tells malignant cells from benign ones, commit by commit.

The data are real: the Wisconsin breast cancer data that scikit-learn ships. Five features of the cells' shape are used
of its thirty, so that there is something to gain and to lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["FIX", "MAIN", "PULL_REQUEST", "Change"]

_TRAIN = '''\
"""Tell malignant cells from benign ones by their shape."""

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer

import gtrack

PARAMS = {"lr": 0.1, "momentum": 0.0, "epochs": 20}
FEATURES = ["mean texture", "mean smoothness"]


def load():
    data = load_breast_cancer()
    columns = [list(data.feature_names).index(name) for name in FEATURES]
    order = np.random.default_rng(0).permutation(len(data.data))
    x, y = data.data[order][:, columns], 1.0 - data.target[order]
    x = (x - x[:341].mean(0)) / x[:341].std(0)
    x = np.column_stack([x, np.ones(len(x))])
    return x[:341], y[:341], x[341:], y[341:]


def auc(scores, y):
    ranks = scores.argsort().argsort() + 1
    bad = int(y.sum())
    return float((ranks[y == 1].sum() - bad * (bad + 1) / 2) / (bad * (len(y) - bad)))


def train(run, seed, *, lr, momentum, epochs):
    x, y, val_x, val_y = load()
    rng = np.random.default_rng(seed)
    w, v = rng.normal(0, 0.5, x.shape[1]), 0.0
    for epoch in range(epochs):
        for rows in np.array_split(rng.permutation(len(x)), 11):
            gradient = x[rows].T @ (1 / (1 + np.exp(-x[rows] @ w)) - y[rows]) / len(rows)
            v = momentum * v + gradient
            w = w - lr * v
        scores = val_x @ w
        precision = float(val_y[scores > 0].mean()) if (scores > 0).any() else 0.0
        run.log({"val_auc": auc(scores, val_y), "val_precision": precision}, step=epoch)


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
seed = parser.parse_args().seed
with gtrack.start_run(experiment="cells", params={**PARAMS, "seed": seed}) as run:
    train(run, seed, **PARAMS)
'''


@dataclass(frozen=True, slots=True)
class Change:
    """A commit.

    Attributes:
        subject: What is said of it.
        edits: Texts of ``train.py``, and what stands there afterwards.
        files: Other files, whole.
    """

    subject: str
    edits: Sequence[tuple[str, str]] = ()
    files: Sequence[tuple[str, str]] = ()


def _feature(name: str, after: str) -> tuple[tuple[str, str], ...]:
    return ((f'"{after}"]', f'"{after}", "{name}"]'),)


MAIN = (
    Change("A first model: texture and smoothness", files=[("train.py", _TRAIN)]),
    Change("Say what this is about", files=[("README.md", "# Cells\n\nMalignant or benign?\n")]),
    Change("Use compactness as well", _feature("mean compactness", "mean smoothness")),
    Change("Ignore caches", files=[(".gitignore", "__pycache__/\n")]),
    Change("Use symmetry", _feature("mean symmetry", "mean compactness")),
    Change(
        "Read the features by name once",
        [
            ("list(data.feature_names).index(name)", "names.index(name)"),
            ("    columns =", "    names = list(data.feature_names)\n    columns ="),
        ],
    ),
    Change("Use the fractal dimension", _feature("mean fractal dimension", "mean symmetry")),
    Change("Name the number of training rows", [("341", "ROWS"), ("\n\n\ndef load", "\nROWS = 341\n\n\ndef load")]),
    Change(
        "Log the loss too",
        [
            ("        precision =", "        chance = 1 / (1 + np.exp(-scores))\n        precision ="),
            ('"val_precision": precision', '"val_precision": precision, "val_loss": loss(chance, val_y)'),
            (
                "\n\ndef train",
                "\n\ndef loss(chance, y):\n    return float(-np.log(np.where(y == 1, chance, 1 - chance)).mean())"
                "\n\n\ndef train",
            ),
        ],
    ),
    Change("Momentum", [('"momentum": 0.0', '"momentum": 0.9')]),
    Change("Explain how to train", files=[("README.md", "# Cells\n\nMalignant or benign?\n\n    python train.py\n")]),
    Change(
        "A function for probabilities",
        [
            ("1 / (1 + np.exp(-x[rows] @ w))", "sigmoid(x[rows] @ w)"),
            ("1 / (1 + np.exp(-scores))", "sigmoid(scores)"),
            ("\n\ndef auc", "\n\ndef sigmoid(x):\n    return 1 / (1 + np.exp(-x))\n\n\ndef auc"),
        ],
    ),
    Change(
        "Say how many features there are",
        [("x, y, val_x, val_y = load()", 'x, y, val_x, val_y = load()\n    run.set_tag("features", len(FEATURES))')],
    ),
    Change(
        "Batches by size rather than by number", [("11)", "len(x) // BATCH + 1)"), ("\nROWS", "\nBATCH = 32\nROWS")]
    ),
    Change("List what has to be installed", files=[("requirements.txt", "gtrack\nnumpy\nscikit-learn\n")]),
    Change("Name the threshold", [("scores > 0", "scores > THRESHOLD"), ("\nROWS", "\nTHRESHOLD = 0.0\nROWS")]),
    Change("Take logarithms of nothing", [("np.log(np.where", "np.log(1e-12 + np.where")]),
    Change(
        "Standardise in a function",
        [
            ("    x = (x - x[:ROWS].mean(0)) / x[:ROWS].std(0)\n", "    x = standardised(x, x[:ROWS])\n"),
            (
                "\n\ndef load",
                "\n\ndef standardised(x, known):\n    return (x - known.mean(0)) / known.std(0)\n\n\ndef load",
            ),
        ],
    ),
    Change("Describe the data", files=[("data.md", "569 fine needle aspirates, ten features of the cells.\n")]),
    Change("Say what a seed does", [('"--seed", type=int', '"--seed", help="of weights and order", type=int')]),
)
"""The branch main: twenty commits, the oldest first."""

PULL_REQUEST = (
    Change("Use concavity as well", _feature("mean concavity", "mean fractal dimension")),
    Change(
        "Clip outliers, for one bad slide must not decide",
        [
            (
                "return (x - known.mean(0)) / known.std(0)",
                "return np.clip((x - known.mean(0)) / known.std(0), -0.5, 0.5)",
            ),
        ],
    ),
    Change("Describe the new feature", files=[("data.md", "569 fine needle aspirates, ten features; six are used.\n")]),
)
"""The branch of the pull request: its second commit lowers val_auc."""

FIX = Change("Clip at three deviations, not at half of one", [("-0.5, 0.5", "-3, 3")])
