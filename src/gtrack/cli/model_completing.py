"""What a shell is offered for registered models: their names, versions, aliases, stages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gtrack.cli.completing import Offer, completer

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

    from gtrack.model.registry import ModelState
    from gtrack.reader import Repo

__all__ = [
    "complete_alias",
    "complete_alias_or_stage",
    "complete_model",
    "complete_stage",
    "complete_version",
    "complete_version_of",
]

_STAGES = ("staging", "production", "archived", "none")
_MODELS = "models:/"


@completer
def complete_model(repo: Repo, typed: str) -> Offer:
    """Offer the names of registered models."""
    return _models(repo, typed)


@completer
def complete_version(repo: Repo, typed: str) -> Offer:
    """Offer the names of models and, after one, its versions, stages and aliases."""
    return _versions(repo, typed)


def complete_version_of(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the versions of the model that was named before, without its name."""

    def offer(repo: Repo, typed: str) -> Offer:
        for state in _named(repo, ctx):
            for name, about in _below(state):
                which = name[len(state.name) + 1 :]
                if which.startswith(typed) and not name.startswith(f"{state.name}@"):
                    yield which, about

    return completer(offer)(ctx, param, incomplete)


def complete_alias(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the aliases of the model that was named before, and the usual ones."""

    def offer(repo: Repo, typed: str) -> Offer:
        for state in _named(repo, ctx):
            for alias in (*state.aliases, "champion", "challenger"):
                if alias.startswith(typed):
                    yield alias, "" if alias in state.aliases else "new"

    return completer(offer)(ctx, param, incomplete)


def complete_alias_or_stage(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer what can be rolled back of the model that was named before."""

    def offer(repo: Repo, typed: str) -> Offer:
        found = [(alias, "alias") for state in _named(repo, ctx) for alias in state.aliases]
        found += [("staging", "stage"), ("production", "stage")]
        return ((name, about) for name, about in found if name.startswith(typed))

    return completer(offer)(ctx, param, incomplete)


def complete_stage(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer the stages."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(stage) for stage in _STAGES if stage.startswith(incomplete.lower())]


def _models(repo: Repo, typed: str) -> Iterator[tuple[str, str]]:
    prefix = _MODELS if typed.startswith(_MODELS) else ""
    for state in repo.models():
        if state.name.startswith(typed.removeprefix(prefix)):
            yield prefix + state.name, f"{len(state.versions):,} version{'' if len(state.versions) == 1 else 's'}"


def _versions(repo: Repo, typed: str) -> Iterator[tuple[str, str]]:
    yield from _models(repo, typed)
    prefix = _MODELS if typed.startswith(_MODELS) else ""
    wanted = typed.removeprefix(prefix)
    for state in repo.models():
        if wanted.startswith(state.name):
            yield from ((prefix + name, about) for name, about in _below(state) if name.startswith(wanted))


def _below(state: ModelState) -> Iterator[tuple[str, str]]:
    """Yield the names of a model's versions, and what each is."""
    for alias, uid in state.aliases.items():
        version = state.version(uid)
        yield f"{state.name}@{alias}", "" if version is None else version.label
    for version in reversed(state.versions):
        yield version.name, ", ".join([version.stage, *version.aliases])
    yield f"{state.name}/latest", "the highest number"


def _named(repo: Repo, ctx: click.Context) -> list[ModelState]:
    name = str(ctx.params.get("name") or "").removeprefix(_MODELS)
    return [state for state in repo.models() if state.name == name]
