"""The layers of docs/design.md: imports point downwards only, and some things are known in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
LAYERS = [
    {"errors", "ids", "clock", "text", "config", "paths", "notices"},
    {"model"},
    {"format"},
    {"capture", "media", "fingerprint", "flavors"},
    {"spool"},
    {"branch"},
    {"index", "store"},
    {"ops", "plot"},
    {
        *(
            "run",
            "recording",
            "lifecycle",
            "fluent",
            "reader",
            "runs",
            "recorded_run",
            "searching",
            "curve_tables",
            "wrap",
            "info",
        ),
        *("run_artifacts", "run_media", "run_checkpoints", "run_data", "run_system", "run_lineage", "run_models"),
        "checkpointing",
        *("fluent_artifacts", "fluent_media", "fluent_data", "fluent_lineage", "fluent_registry", "fluent_models"),
    },
    {"display"},
    {"report"},
    {"cli", "_app", "demo", "__main__", "__init__"},
]
"""From the bottom up; modules of one layer may import each other."""

TYPES_ONLY = {
    ("gtrack.lifecycle", "gtrack.run"),
    *(
        (f"gtrack.ops.{name}", "gtrack.reader")
        for name in (
            "blame_search",
            "commit_runs",
            "edit",
            "fsck",
            "gc",
            "gc_apply",
            "gc_runs",
            "gate_question",
            "gate_sides",
            "ingest",
            "metric_history",
            "overview",
            "previous",
            "record",
            "rivals",
            "setup",
            "sides_search",
            "verify",
        )
    ),
}
"""Imports that point upwards, for annotations alone: each with what it is handed by its caller."""

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules() -> Iterator[tuple[str, ast.Module]]:
    app = SOURCE / "gtrack" / "_app"  # a link, which is not followed by itself
    for path in sorted([*(SOURCE / "gtrack").rglob("*.py"), *(app / ".").rglob("*.py")]):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield ".".join(parts), ast.parse(path.read_text())


def imports_of(tree: ast.AST, *, types: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield every imported module, and whether that is for type checking alone."""
    for node in ast.iter_child_nodes(tree):
        only_types = types or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        if isinstance(node, ast.Import):
            yield from ((alias.name, types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, types
            yield from ((f"{node.module}.{alias.name}", types) for alias in node.names)
        else:
            yield from imports_of(node, types=only_types)


def layer_of(module: str) -> int:
    parts = module.split(".")
    return LEVEL[parts[1] if len(parts) > 1 else "__init__"]


ALL = dict(modules())


@pytest.mark.parametrize("module", sorted(ALL))
def test_imports_point_downwards(module: str) -> None:
    for imported, types in imports_of(ALL[module]):
        if imported not in ALL or imported == module:
            continue
        upwards = layer_of(imported) > layer_of(module)
        allowed = types and (module, imported) in TYPES_ONLY
        assert not upwards or allowed, f"{module} imports {imported}"


def test_the_dashboard_and_the_command_line_do_without_each_other() -> None:
    for module, tree in ALL.items():
        other = {"_app": "cli", "cli": "_app"}.get(module.split(".")[1] if "." in module else "")
        reached = {name for name, _ in imports_of(tree) if other and name.startswith(f"gtrack.{other}")}
        assert not reached or module == "gtrack.cli.commands.ui", f"{module} imports {reached}"


def test_a_page_of_the_dashboard_does_without_the_others() -> None:
    for module, tree in ALL.items():
        if module.startswith("gtrack._app.screens."):
            own = ".".join(module.split(".")[:4])
            reached = {name for name, _ in imports_of(tree) if name.startswith("gtrack._app.screens.")}
            others = {name for name in reached if not f"{name}.".startswith(f"{own}.")}
            assert not others, f"{module} imports {others}"


def test_every_module_is_in_a_layer() -> None:
    assert {module.split(".")[1] for module in ALL if "." in module} <= set(LEVEL)


def test_only_the_branch_layer_knows_dulwich() -> None:
    users = {module for module, tree in ALL.items() for name, _ in imports_of(tree) if name.split(".")[0] == "dulwich"}
    assert users
    assert all(module.startswith("gtrack.branch.") for module in users), users


def test_only_configuration_and_faces_read_the_environment() -> None:
    readers = {
        module
        for module, tree in ALL.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and ast.dump(node.value).find("'os'") > 0
    }
    faces = {module for module in readers if module.split(".")[1] in ("cli", "demo")}
    assert readers - faces <= {"gtrack.config"}, readers


def test_every_exception_is_still_needed() -> None:
    used = {(module, name) for module, tree in ALL.items() for name, types in imports_of(tree) if types}
    assert used >= TYPES_ONLY
