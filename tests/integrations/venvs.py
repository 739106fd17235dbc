"""Virtual environments for the peers that gtrack is compared with, and for the frameworks that it records.

``python tests/integrations/venvs.py`` makes them. They are kept apart, because a peer's requirements are none of
gtrack's, and below ``.venv``, so that ``make clean`` removes them.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["PEERS", "make", "python_of"]

ROOT = Path(__file__).resolve().parents[2] / ".venv" / "integrations"
PEERS = {
    "mlflow": ("mlflow-skinny>=3.1,<4", "sqlalchemy>=2", "alembic>=1.13"),
    "frameworks": ("-e", ".[test]", "torch>=2", "datasets>=2.19"),
    "models": (
        *("-e", ".[models]", "mlflow>=3.1,<4", "scikit-learn>=1.4", "xgboost>=2", "lightgbm>=4", "torch>=2"),
        *("keras>=3.11", "transformers>=4.40", "onnx>=1.16", "onnxruntime>=1.17"),
    ),
}
"""What is installed for each: MLflow without its server and flavours, and what its sqlite store needs; frameworks
beside gtrack itself, whose tests run there; all that models are saved of, and MLflow as a second reader of them."""


def python_of(peer: str) -> Path | None:
    """Return the interpreter of a peer's environment; None where it was not made."""
    stamp = ROOT / peer / ".installed"
    return ROOT / peer / "bin" / "python" if stamp.exists() else None


def make(peer: str) -> None:
    """Make a peer's environment, unless it is there and its requirements are those it was made with."""
    stamp, wanted = ROOT / peer / ".installed", "\n".join(PEERS[peer])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    venv.create(ROOT / peer, with_pip=True)
    python = str(ROOT / peer / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS[peer]],
        check=True,
        cwd=ROOT.parents[1],
    )
    stamp.write_text(wanted)


if __name__ == "__main__":
    for name in sys.argv[1:] or PEERS:
        make(name)
