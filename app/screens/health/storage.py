"""Where artifacts are kept, and how much there is of everything in this clone."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import streamlit as st

from gtrack._app.reading import Reading, reading
from gtrack._app.safe import markdown
from gtrack._app.screens.health.parts import command, notes
from gtrack._app.steps import part
from gtrack.display.stores import store_rows
from gtrack.display.words import size
from gtrack.ops.storage import Kept, folders_kept, history_kept
from gtrack.ops.store_setup import store_status

__all__ = ["kept_table", "sizes", "store"]

_FRESH_US = 15_000_000
_ASKED, _MEASURED = "health.store.asked", "health.measured"


@part()
def store() -> None:
    """Show where artifacts are kept, and what waits to be sent there."""
    with reading() as now:
        st.subheader("Store of artifacts", anchor=False)
        asks = st.button("Ask the store", icon=":material/dns:", help="gtrack store status", key=f"{_ASKED}.button")
        if asks:
            with st.spinner("Asking whether it answers. Where it does not, this takes a while."):
                found = store_status(now.repo.repository)
        else:
            found = now.kept("store", now.now_us // _FRESH_US, lambda: store_status(now.repo.repository, ask=False))
        st.table(_pairs(store_rows(found)), border="horizontal", hide_index=True, hide_header=True, alt="The store")
        if found.todo:
            st.markdown(f"Next: {command(found.todo)}")


@part()
def sizes() -> None:
    """Show how much there is of each kind."""
    with reading() as now:
        st.subheader("Storage in this clone", anchor=False)
        kept = list(now.kept("folders", now.now_us // _FRESH_US, lambda: folders_kept(now.repo.repository)))
        pressed = st.button(
            "Measure the history too",
            icon=":material/straighten:",
            help="Git goes through it: a few seconds for 10,000 runs",
            key=f"{_MEASURED}.button",
        )
        kept += _history(now, pressed=pressed)
        st.table(kept_table(kept), border="horizontal", hide_index=True, alt="Storage by kind")


def _history(now: Reading, *, pressed: bool) -> Sequence[Kept]:
    """Return the sizes that take a while to find, once somebody asked for them."""
    asked, remembered = (now.repo.common_dir, now.mark), notes()
    if pressed:
        with st.spinner("Git goes through the history."):
            remembered[_MEASURED] = (asked, history_kept(now.repo.repository))
    known, found = remembered.get(_MEASURED, (None, ()))
    return found if known == asked else ()


def kept_table(kept: Sequence[Kept]) -> pa.Table:
    """Return what there is of each kind, as text."""
    amounts = ["not known" if each.size is None else ("" if each.whole else "over ") + size(each.size) for each in kept]
    files = ["" if each.files is None else f"{each.files:,}" + ("" if each.whole else " and more") for each in kept]
    columns = {"kind": [markdown(each.name) for each in kept], "size": amounts, "files": files}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _pairs(rows: Sequence[tuple[str, str]]) -> pa.Table:
    heads, texts = [markdown(head) for head, _ in rows], [markdown(text) for _, text in rows]
    return pa.table({"name": pa.array(heads, pa.string()), "value": pa.array(texts, pa.string())})
