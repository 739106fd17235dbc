"""The same as what the page shows, in the command line and in Python."""

from __future__ import annotations

from gtrack._app.shell_word import shell_word
from gtrack.model.registered import Version
from gtrack.model.registry import ModelState

__all__ = ["EVERY", "same_as_code"]

EVERY = (
    "gtrack model ls\ngtrack status",
    'import gtrack\n\nwith gtrack.Repo(".") as repo:\n    for model in repo.models():\n'
    "        print(model.name, model.aliases, [v.label for v in model.in_stage('Production')])",
)
"""For the list of all models."""
_COMPARE = """import gtrack
from gtrack.display.goals import Goals
from gtrack.ops.compare import compare

with gtrack.Repo(".") as repo:
    a, b = (repo.run(run).state for run in ({a}, {b}))
    goals = Goals(repo)
    print(compare(a, b, lambda key: goals.among(key, [a, b])).to_dict())
"""


def same_as_code(tab: str, state: ModelState, version: Version | None, against: Version | None) -> tuple[str, str]:
    """Return the commands and the program that show, or do, what a tab does.

    Args:
        tab: The tab.
        state: The model.
        version: The version that is looked at.
        against: The one that it is compared with.
    """
    name = state.name
    opened = f'import gtrack\n\nwith gtrack.Repo(".") as repo:\n    model = repo.model({name!r})\n'
    if version is None or tab == "Versions":
        return (
            f"gtrack model show {shell_word(name)}",
            opened + "    print(model.versions, model.aliases, model.pending)",
        )
    word, text = shell_word(version.name), repr(version.name)
    if tab == "History":
        return f"gtrack model show {shell_word(name)} --events", opened + "    print(model.history)"
    if tab == "Change":
        return _change(name, version)
    if tab == "Compare" and against is not None and version.run is not None and against.run is not None:
        ids = against.run[:12], version.run[:12]
        program = _COMPARE.format(a=repr(ids[0]), b=repr(ids[1]))
        return f"gtrack diff {ids[0]} {ids[1]}", program
    if tab == "Lineage":
        program = "import gtrack\nfrom gtrack.ops.verify import verify\n\n"
        program += f'with gtrack.Repo(".") as repo:\n    proof = verify(repo, {f"models:/{version.name}"!r})\n'
        program += "    print(proof.ok, proof.links)"
        return f"gtrack verify {shell_word(f'models:/{version.name}')}\ngtrack model provenance {word}", program
    return f"gtrack model show {word}", f'import gtrack\n\nprint(gtrack.Repo(".").model_version({text}))'


def _change(name: str, version: Version) -> tuple[str, str]:
    word, text = shell_word(version.name), repr(version.name)
    uid = repr(version.short)
    cli = [
        f"gtrack policy check {word} --stage production",
        f"gtrack model promote {word} production -m 'why'",
        f"gtrack model approve {word} production",
        f"gtrack model alias {shell_word(name)} champion {shell_word(version.short)}",
        f"gtrack model rollback {shell_word(name)} champion",
        f"gtrack model note {word} 'drifts on new customers'",
        f"gtrack model deployed {word} --endpoint URL",
    ]
    python = [
        "import gtrack",
        "",
        f"gtrack.promote({text}, 'Production', reason='why')",
        f"gtrack.approve({text}, 'Production')",
        f"gtrack.set_alias({name!r}, 'champion', {uid}, reason='why')",
    ]
    return "\n".join(cli), "\n".join(python)
