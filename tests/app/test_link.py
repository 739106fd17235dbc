"""The state of a page is in its address, and what an address says is not trusted."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from gtrack._app.link import LONGEST, SHARED, _parse, to_parameters

DEFAULTS: dict[str, Any] = {"text": "", "flag": False, "count": 1, "share": 0.5, "names": (), "panels": []}
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SETTINGS = st.fixed_dictionaries(
    {
        "text": TEXT,
        "flag": st.booleans(),
        "count": st.integers(-(2**40), 2**40),
        "share": st.floats(allow_nan=False, allow_infinity=False),
        "names": st.lists(TEXT.filter(bool), unique=True, max_size=4).map(tuple),
        "panels": st.lists(st.dictionaries(TEXT, TEXT | st.booleans(), max_size=3), max_size=3),
    }
)


def _script(page: str, put: dict | None = None, saved: dict | None = None) -> None:
    import streamlit as st

    from gtrack._app.link import Link

    link = Link(page, {"text": "", "flag": False, "count": 1, "share": 0.5, "names": (), "panels": []}, saved)
    if put and "done" not in st.session_state:
        st.session_state["done"] = True
        link.put(**put)
    st.text_input("Text", **link.widget("text"))
    st.toggle("Flag", **link.widget("flag"))
    st.json({name: link[name] for name in link.defaults})
    st.caption("; ".join(link.problems))
    st.button("Over", on_click=link.forget)


def opened(address: dict[str, Any] | None = None, **settings: Any) -> AppTest:
    at = AppTest.from_function(_script, kwargs={"page": "one", **settings})
    for key, value in (address or {}).items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    return at


def address(at: AppTest) -> dict[str, list[str]]:
    return {name: [said] if isinstance(said, str) else list(said) for name, said in dict(at.query_params).items()}


def shown(at: AppTest) -> dict[str, Any]:
    import json

    return json.loads(at.json[0].value)


@given(SETTINGS)
def test_what_an_address_says_is_read_as_it_was_meant(settings: dict[str, Any]) -> None:
    parameters = to_parameters(settings, DEFAULTS)
    for name, value in settings.items():
        texts = parameters.get(name)
        read = DEFAULTS[name] if texts is None else _parse(DEFAULTS[name], [texts] if isinstance(texts, str) else texts)
        assert read == value, name


@given(st.sampled_from(sorted(DEFAULTS)), TEXT)
def test_whatever_an_address_says_is_of_the_settings_kind_or_nothing(name: str, text: str) -> None:
    value = _parse(DEFAULTS[name], [text])
    assert value is None or type(value) is type(DEFAULTS[name])


def test_only_what_differs_from_the_default_is_in_the_address() -> None:
    at = opened(put={"text": "a b", "flag": False, "names": ("x", "y")})
    assert address(at) == {"text": ["a b"], "names": ["x", "y"]}


def test_a_widget_shows_a_setting_and_changes_the_address() -> None:
    at = opened({"text": "before"})
    assert at.text_input[0].value == "before"
    at.text_input[0].set_value("after").run()
    assert address(at)["text"] == ["after"]
    assert shown(at)["text"] == "after"
    at.toggle[0].set_value(True).run()
    assert address(at)["flag"] == ["1"]


def test_going_back_in_the_browser_brings_back_what_was_not_set() -> None:
    at = opened()
    at.text_input[0].set_value("typed").run()
    at.query_params.clear()
    at.run()
    assert shown(at)["text"] == ""
    assert "text" not in at.query_params


def test_shared_settings_go_along_to_another_page_and_others_stay() -> None:
    at = opened({"where": "metrics.loss < 1", "text": "mine"})
    at.query_params.clear()
    at.session_state["link"].page = "one"
    other = AppTest.from_function(_script, kwargs={"page": "two"})
    other.session_state["link"] = at.session_state["link"]
    other.run()
    assert shown(other)["where"] == "metrics.loss < 1"
    assert shown(other)["text"] == ""
    assert address(other) == {"where": ["metrics.loss < 1"]}


def test_what_cannot_be_is_said_and_left_out() -> None:
    at = opened({"count": "many", "share": "[", "flag": "maybe", "unknown": "x"})
    assert {name: shown(at)[name] for name in ("count", "share", "flag")} == {"count": 1, "share": 0.5, "flag": False}
    assert at.caption[0].value.count("it cannot be") == 3


def test_a_saved_view_is_the_default_and_the_address_has_what_differs_from_it() -> None:
    at = opened({"view": "best", "flag": "0"}, saved={"text": "saved", "flag": True, "where": "status = 'failed'"})
    assert shown(at)["text"] == "saved"
    assert shown(at)["where"] == "status = 'failed'"
    assert shown(at)["flag"] is False
    assert address(at) == {"view": ["best"], "flag": ["0"]}


def test_what_a_saved_view_says_is_checked() -> None:
    at = opened({"view": "odd"}, saved={"text": 5, "flag": "yes", "names": ["a", 3], "share": 1, "nothing": 1})
    assert {name: shown(at)[name] for name in ("text", "flag", "share")} == {"text": "", "flag": False, "share": 1.0}
    assert shown(at)["names"] == ["a"]


def test_an_address_that_would_be_too_long_has_what_fits() -> None:
    at = opened(put={"text": "kept", "panels": [{"title": "x" * LONGEST}]})
    assert address(at) == {"text": ["kept"]}
    assert shown(at)["panels"][0]["title"] == "x" * LONGEST


def test_starting_over_forgets_everything() -> None:
    at = opened({"view": "best", "text": "typed"}, saved={"flag": True})
    at.button[0].click().run()
    assert shown(at)["text"] == ""
    assert "view" not in at.query_params


def test_the_shared_settings_are_few() -> None:
    assert set(SHARED) == {"where", "experiment", "status", "runs", "hidden"}


def test_which_runs_a_saved_view_shows_goes_along_to_another_page() -> None:
    at = opened({"view": "best"}, saved={"where": "status = 'failed'"})
    assert address(at) == {"view": ["best"]}
    other = AppTest.from_function(_script, kwargs={"page": "two"})
    other.session_state["link"] = at.session_state["link"]
    other.run()
    assert address(other) == {"where": ["status = 'failed'"]}
