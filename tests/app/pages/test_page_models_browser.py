"""A promotion in a real browser: one person asks for it, another one approves, and the first sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from browser import opened, serving
from models_world import BEN, churn, make_models

from gtrack import _app

MAIN = Path(_app.__file__).parent / "main.py"


def test_one_asks_for_production_and_another_approves(context: Any, tmp_path: Path) -> None:
    path = make_models(tmp_path / "repo")
    with (
        serving(MAIN, path=str(path)) as ada,
        serving(MAIN, path=str(path), **BEN) as ben,
        opened(context, f"{ada}/models?model=churn&version=3&tab=Change", width=1440, height=1400) as asking,
    ):
        asking.get_by_role("radio", name="Production").click()
        asking.get_by_text("with 1 approval of others").wait_for()
        send = asking.get_by_role("button", name="Ask for Production")
        assert send.is_disabled()
        asking.get_by_text("I am sure: v3 (local) into Production").click()
        why = asking.get_by_placeholder("beats v2 by 0.4 AUC in shadow")
        why.fill("beats v1 by 0.1 AUC")
        send.click()  # straight from the field: what was typed counts
        asking.get_by_text("asked for v3 (local) to come into Production").wait_for()
        assert churn(path).pending[0].reason == "beats v1 by 0.1 AUC"
        assert asking.get_by_role("button", name="Approve v3 (local)").is_disabled()
        with opened(context, f"{ben}/models?model=churn", width=390, height=900) as approving:
            approving.get_by_text("The policy allows Ben to decide it").wait_for()
            assert approving.evaluate("document.documentElement.scrollWidth") <= 390
            approving.get_by_text("I am sure: this leads to Production").click()
            approve = approving.get_by_role("button", name="Approve v3 (local)")
            approving.locator("button:enabled", has_text="Approve v3").wait_for()
            approve.focus()
            approving.keyboard.press("Enter")
            approving.get_by_text("v3 (local) is in Production", exact=False).first.wait_for()
        asking.get_by_role("button", name="Take it back").wait_for(state="detached")  # it looks every few seconds
    state = churn(path)
    assert [version.label for version in state.in_stage("Production")] == ["3 (local)"]
    assert [entry.author.partition(" <")[0] for entry in state.history[-2:]] == ["Ada L", "Ben"]
