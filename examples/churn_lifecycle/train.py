"""Twelve real runs, one for each configuration; with --interactions one more, of a better kind of model."""

import sys

from customers import COLUMNS, customers
from serve import answers
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import gtrack

X, Y = customers()
TRAIN, VALID = slice(0, 500), slice(500, 800)


def train(features, c, weight, interactions=False):
    """Train one model, and keep it with its run."""
    kind = "logistic-interactions" if interactions else "logistic"
    params = {"model_type": kind, "feature_set": features, "C": c, "class_weight": weight or "none"}
    with gtrack.start_run(experiment="churn", params=params, tags={"team": "growth", "purpose": "search"}) as run:
        columns = len(COLUMNS) if features == "all" else 2
        run.log_data("train", X[TRAIN])
        steps = [PolynomialFeatures(2, interaction_only=True)] if interactions else []
        model = make_pipeline(*steps, StandardScaler(), LogisticRegression(C=c, class_weight=weight, max_iter=500))
        model.fit(X[TRAIN, :columns], Y[TRAIN])
        x, y = X[VALID, :columns], Y[VALID]
        auc = roc_auc_score(y, model.predict_proba(x)[:, 1])
        run.log({"val_auc": auc, "precision": precision_score(y, model.predict(x), zero_division=0.0)})
        run.log_model(model, "model", input_example=x[:5])
        run.log_text(answers(model), "answers.txt")  # what the model says here, to compare with what it says elsewhere


if "--interactions" in sys.argv:
    train("all", 1.0, None, interactions=True)
else:
    for features in ("two", "all"):
        for c in (0.01, 0.1, 1.0):
            for weight in (None, "balanced"):
                train(features, c, weight)
