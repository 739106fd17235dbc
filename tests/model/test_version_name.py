"""Names of models, versions and aliases as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.model.version_name import (
    STAGES,
    RunPath,
    VersionName,
    alias_fault,
    model_name_fault,
    parse_name,
    stage_named,
)


@pytest.mark.parametrize("before", ["", "models:/"])
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("churn/3", VersionName("churn", number=3)),
        ("churn/v3", VersionName("churn", number=3)),
        ("churn@champion", VersionName("churn", alias="champion")),
        ("churn/PRODUCTION", VersionName("churn", stage="Production")),
        ("churn/latest", VersionName("churn", latest=True)),
        ("churn/~9c1d7b6", VersionName("churn", uid="9c1d7b6")),
        ("Churn 2026 (EU)/1", VersionName("Churn 2026 (EU)", number=1)),
    ],
)
def test_every_form_is_read_with_and_without_its_prefix(before: str, text: str, meant: VersionName) -> None:
    assert parse_name(before + text) == meant
    assert parse_name(str(meant)) == meant


def test_a_run_and_its_path_are_told_from_versions() -> None:
    assert parse_name("runs:/3f2a9c1/models/best") == RunPath("3f2a9c1/models/best")


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("churn", "which version of 'churn'?", "churn/3, churn@champion"),
        ("churn/champion", "neither a number nor a stage", "churn@champion"),
        ("churn/0", "neither a number nor a stage", "churn"),
        ("churn@v3", "looks like a version's number", "churn@champion"),
        ("churn@Production", "means something else already", "churn@champion"),
        ("@champion", "'' cannot be a model's name: it is empty", "churn/3"),
        ("runs:/3f2a9c1", "names no artifact of a run", "runs:/3f2a9c1/model"),
        ("churn/~9c", "no version of 'churn'", "churn"),
        (3, "a int does not name a version", "churn/3"),
    ],
)
def test_what_is_no_name_says_what_to_type(text: object, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as told:
        parse_name(text)  # type: ignore[arg-type]
    assert said in told.value.message
    assert hint in str(told.value.hint)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_name(text)
    except UsageError:
        return
    assert isinstance(found, RunPath) or model_name_fault(found.model) is None


@given(st.text(max_size=8))
def test_an_alias_never_means_anything_else(text: str) -> None:
    if alias_fault(text) is None:
        assert parse_name(f"churn@{text}") == VersionName("churn", alias=text)
        assert stage_named(text) is None
        assert text.lower() != "latest"


@pytest.mark.parametrize("name", ["", " ", "a/b", "a@b", "a:b", "a\nb", "x" * 201, " x", "\ud800"])
def test_some_names_no_model_can_have(name: str) -> None:
    assert model_name_fault(name) is not None


def test_stages_are_found_in_any_case() -> None:
    assert [stage_named(stage.upper()) for stage in STAGES] == list(STAGES)
