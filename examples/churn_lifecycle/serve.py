"""What an endpoint does: asked for an answer, it loads the champion, whichever version that is now."""

import sys

from customers import asked

import gtrack


def answers(model):
    """Return the risk of some customers, as text."""
    columns = model.n_features_in_
    return " ".join(f"{risk:.6f}" for risk in model.predict_proba(asked()[:, :columns])[:, 1])


if __name__ == "__main__":
    for _ in sys.stdin:
        print(answers(gtrack.load_model("models:/churn@champion")), flush=True)
