"""What the runs to be searched say: params, metrics and tags as an experiment of some months leaves them behind.

A pure function of a number and a seed, of the standard library alone, so that every tracker is given the same runs.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

METRICS = (
    "val_auc", "val_loss", "train_loss", "val_accuracy", "val_f1", "val_precision", "val_recall", "test_auc",
    "epoch_seconds", "grad_norm",
)  # fmt: skip
"""The metrics of a run, the first ones first where fewer are wanted. The first has the goal ``max``."""

GOAL = {"val_auc": "max"}

WHERE = "metrics.val_auc > 0.88 AND params.max_depth = '6'"
"""The filter that is measured: the same words in gtrack and in MLflow."""

ORDER = "metrics.val_auc DESC"
LIMIT = 20

_FAMILY = 20
"""Runs that belong together: one in three families is a sweep, whose first run has the next four as children."""
_CHILDREN = range(1, 5)
_BEGIN = 1_735_689_600_000_000  # 2025-01-01
_APART = 200 * 1_000_000
"""Microseconds from the start of one run to that of the next: 100,000 runs in eight months."""
_NOTES = (
    "baseline of the week",
    "more trees",
    "after cleaning the labels",
    "class weights on",
    "with the new features",
)


@dataclass(frozen=True)
class Facts:
    """What a run says of itself.

    Attributes:
        id: Its id.
        name: Its name; no two runs of a seed share one.
        status: ``finished``, ``failed`` or ``killed``.
        params: 20 params, two of them in a map.
        tags: 5 tags.
        metrics: The last value of each metric.
        seed: The seeds of its random generators.
        parent: The id of the run that it is a child of.
        group: The sweep that it belongs to.
        started: When it started, microseconds since the epoch.
        seconds: How long it took.
    """

    id: str
    name: str
    status: str
    params: dict[str, object]
    tags: dict[str, str]
    metrics: dict[str, float]
    seed: dict[str, int]
    parent: str | None
    group: str | None
    started: int
    seconds: float

    @property
    def flat_params(self) -> dict[str, str]:
        """The params as trackers keep them that know flat ones of text alone."""
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in _flat(self.params)}


def facts(number: int, seed: int = 0) -> Facts:
    """Return what a run says.

    Args:
        number: Which run.
        seed: Which sequence of runs.

    Example:
        >>> facts(7) == facts(7), facts(7).id == facts(7, seed=1).id
        (True, False)
    """
    chance = random.Random(f"{seed}:{number}")
    run_id, params = _id(number, seed), _params(chance)
    metrics = _metrics(params, chance)
    generators = {"python": chance.randrange(5), "numpy": 0}
    place, family = number % _FAMILY, number // _FAMILY
    sweep = family % 3 == 0
    return Facts(
        id=run_id,
        name=f"{params['model']}-d{params['max_depth']}-{run_id[:10]}",
        status=chance.choices(("finished", "failed", "killed"), (94, 4, 2))[0],
        params=params,
        tags=_tags(params, generators["python"], chance),
        metrics=metrics,
        seed=generators,
        parent=_id(family * _FAMILY, seed) if sweep and place in _CHILDREN else None,
        group=f"sweep-{seed}-{family}" if sweep else None,
        started=_BEGIN + number * _APART + chance.randrange(_APART // 2),
        seconds=round(metrics["epoch_seconds"] * 20, 3),
    )


def _id(number: int, seed: int) -> str:
    return hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=16).hexdigest()


def _params(chance: random.Random) -> dict[str, object]:
    return {
        "lr": float(f"{10 ** chance.uniform(-3.5, -0.5):.4g}"),
        "max_depth": chance.randint(4, 10),
        "model": chance.choice(("lgbm", "xgb", "catboost", "mlp")),
        "n_estimators": chance.randrange(50, 2001, 50),
        "num_leaves": 2 ** chance.randint(4, 8) - 1,
        "subsample": chance.choice((0.6, 0.7, 0.8, 0.9, 1.0)),
        "colsample": chance.choice((0.5, 0.7, 0.9, 1.0)),
        "min_child_weight": chance.randint(1, 20),
        "reg_alpha": chance.random(),
        "reg_lambda": chance.random() * 10,
        "gamma": float(chance.randrange(5)),
        "batch_size": 2 ** chance.randint(4, 10),
        "epochs": chance.randrange(5, 101, 5),
        "optimizer": chance.choice(("adam", "adamw", "sgd")),
        "dropout": chance.choice((0.0, 0.1, 0.3, 0.5)),
        "weight_decay": chance.choice((0.0, 1e-5, 1e-4, 1e-2)),
        "early_stopping": chance.random() < 0.5,
        "class_weight": chance.choice(("none", "balanced")),
        "features": {"set": chance.choice(("base", "wide", "all")), "scaled": chance.random() < 0.8},
    }


def _metrics(params: Mapping[str, object], chance: random.Random) -> dict[str, float]:
    lr, depth = params["lr"], params["max_depth"]
    assert isinstance(lr, float) and isinstance(depth, int)
    auc = 0.905 - 0.012 * abs(math.log10(lr) + 1.3) - 0.002 * abs(depth - 7) + chance.gauss(0, 0.02)
    auc = auc if 0.8 < auc < 0.95 else chance.uniform(0.8, 0.95)  # without ties at the ends
    loss = 1.2 - auc + abs(chance.gauss(0, 0.02))
    precision, recall = auc - 0.1 + chance.gauss(0, 0.03), auc - 0.15 + chance.gauss(0, 0.03)
    values = (
        auc, loss, loss * chance.uniform(0.6, 1), auc - 0.05 + chance.gauss(0, 0.01),
        2 * precision * recall / (precision + recall), precision, recall, auc - abs(chance.gauss(0, 0.01)),
        chance.lognormvariate(2, 0.5), chance.lognormvariate(0, 1),
    )  # fmt: skip
    return dict(zip(METRICS, values, strict=True))


def _tags(params: Mapping[str, object], seed: int, chance: random.Random) -> dict[str, str]:
    return {
        "purpose": chance.choices(("search", "debug", "final"), (80, 15, 5))[0],
        "seed": str(seed),
        "owner": chance.choice(("ada", "ben", "cleo", "dora")),
        "dataset": f"churn-2026-{chance.randint(1, 11):02}",
        "note": f"{chance.choice(_NOTES)}, {params['model']}",
    }


def _flat(values: Mapping[str, object]) -> list[tuple[str, object]]:
    out: list[tuple[str, object]] = []
    for key, value in values.items():
        out += [(f"{key}.{inner}", x) for inner, x in value.items()] if isinstance(value, Mapping) else [(key, value)]
    return out
