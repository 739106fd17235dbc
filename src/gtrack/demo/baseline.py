"""What one decision tree makes of the digits: a script that knows nothing of gtrack."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--depth", type=int, default=5)
depth = parser.parse_args().depth

pixels, digits = load_digits(return_X_y=True)
train_x, val_x, train_y, val_y = train_test_split(pixels, digits, test_size=0.3, stratify=digits, random_state=0)
model = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(train_x, train_y)
metrics = {
    "val_loss": float(log_loss(val_y, model.predict_proba(val_x))),
    "val_accuracy": float(model.score(val_x, val_y)),
}
Path("baseline.json").write_text(json.dumps(metrics))
print(f"depth {depth}: {metrics}")
