"""Teach a small neural network to read scikit-learn's handwritten digits; every training is a gtrack run."""

from __future__ import annotations

import argparse
from itertools import product
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import gtrack


def load_data() -> Any:
    """Return training images, validation images, and the digits they show: 8 x 8 pixels from 0 to 16."""
    pixels, digits = load_digits(return_X_y=True)
    return train_test_split(pixels, digits, test_size=0.3, stratify=digits, random_state=0)


def train(run: gtrack.Run, *, lr: float, hidden: int, solver: str, epochs: int, verbose: bool) -> None:
    """Train one network, and log how good it is after every epoch."""
    train_x, val_x, train_y, val_y = load_data()
    run.log_data("train", train_x)
    run.log_data("validation", val_x)
    model = MLPClassifier((hidden,), solver=solver, learning_rate_init=lr, batch_size=64, random_state=0)
    run.define_metric("val_accuracy", goal="max")
    run.define_metric("val_loss", goal="min")
    for epoch in range(epochs):
        model.partial_fit(train_x, train_y, classes=range(10))
        probabilities = model.predict_proba(val_x)
        loss = log_loss(val_y, probabilities)
        accuracy = accuracy_score(val_y, probabilities.argmax(axis=1))
        run.log({"train_loss": model.loss_, "val_loss": loss, "val_accuracy": accuracy}, step=epoch)
        if verbose and epoch % 10 == 9:
            print(f"epoch {epoch + 1:4}  val_loss {loss:.3f}  val_accuracy {accuracy:.3f}", flush=True)
    run.log_model(model, input_example=val_x[:2])
    keep(run, model, confusion_matrix(val_y, probabilities.argmax(axis=1), normalize="true"))


def keep(run: gtrack.Run, model: MLPClassifier, confusion: np.ndarray) -> None:
    """Keep which digits the model takes for which, and how much it looks at each pixel."""
    run.log_image(np.kron(1 - confusion, np.ones((24, 24))), "confusion_matrix")
    weights = np.abs(model.coefs_[0]).sum(axis=1)
    pixels = [{"pixel": f"{at // 8},{at % 8}", "importance": float(weights[at])} for at in np.argsort(-weights)]
    run.log_table(pixels, "feature_importance")


def main() -> None:
    """Train once for every combination of the values given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, nargs="+", default=[0.01])
    parser.add_argument("--hidden", type=int, nargs="+", default=[32])
    parser.add_argument("--solver", default="sgd")
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    several = len(options.lr) * len(options.hidden) > 1
    gtrack.set_seed(0)
    for lr, hidden in product(options.lr, options.hidden):
        params = {"lr": lr, "hidden": hidden, "solver": options.solver, "epochs": options.epochs}
        with gtrack.start_run(experiment="digits", params=params) as run:
            train(run, **params, verbose=not several)


if __name__ == "__main__":
    main()
