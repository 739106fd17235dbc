"""One set of keys for all tests of proofs."""

from __future__ import annotations

from pathlib import Path

import pytest
from signers import KEYGEN, make_keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with everybody's ssh keys."""
    if KEYGEN is None:
        pytest.skip("ssh-keygen is not installed (openssh-client)")
    return make_keys(tmp_path_factory.mktemp("proof") / "keys")
