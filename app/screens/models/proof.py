"""The proof of a version, made when somebody asks for it: each link of the chain, what is broken first."""

from __future__ import annotations

import re

import pyarrow as pa
import streamlit as st

from gtrack._app.parts import problem
from gtrack._app.safe import markdown
from gtrack._app.screens.models.subject import Subject, typed
from gtrack._app.screens.models.waiting import command
from gtrack.clock import now_ns
from gtrack.display.words import ago, plural
from gtrack.errors import GtrackError
from gtrack.model.registered import Version
from gtrack.ops.verify import verify
from gtrack.ops.verify_result import Verification

__all__ = ["links_table", "proof_text", "show_proof"]

_MOST = 300
_KEY = "models.proof"
_DIGITS = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")
"""Ids and digests, of which a table has room for the beginning."""
_MARKS = {
    "broken": ":red[:material/link_off: broken]",
    "absent": ":orange[:material/help: not here]",
    "ok": ":green[:material/check: checked]",
    "note": ":gray[told]",
}


def show_proof(subject: Subject, version: Version) -> None:
    """Offer to check the chain from the files to who approved of them, and show what was found."""
    st.subheader("Proof", anchor=False)
    st.caption("From the content of the files to the run, code and data, and to who approved. No remote is asked.")
    about = (subject.now.repo.common_dir, version.uid)
    if st.button("Verify", icon=":material/verified_user:", help="gtrack verify", key=f"{_KEY}.button"):
        try:
            with st.spinner("Checking every link of the chain."):
                found = verify(subject.now.repo, f"models:/{typed(version)}")
        except (GtrackError, OSError) as error:
            problem(error if isinstance(error, GtrackError) else str(error))
            return
        st.session_state[_KEY] = (about, subject.now.mark, now_ns() // 1000, found)
    asked, mark, when, known = st.session_state.get(_KEY, (None, "", 0, None))
    if not isinstance(known, Verification) or asked != about:
        return
    changed = "" if mark == subject.now.mark else ", and something was recorded since"
    st.markdown(f"{proof_text(known)} :gray[· {ago(when, subject.now.now_us)}{changed}]")
    st.table(links_table(known), border="horizontal", hide_index=True, alt="The links of the chain")
    if len(known.links) > _MOST:
        st.caption(f"the first {_MOST:,} of {len(known.links):,}; gtrack verify prints them all")


def proof_text(found: Verification) -> str:
    """Return what a proof came to, as Markdown."""
    subject = markdown(found.subject, 120)
    if not found.ok:
        return f":red[:material/gpp_bad:] **{subject}: the chain is broken in {plural(len(found.broken), 'place')}**"
    if found.absent:
        count = plural(len(found.absent), "thing")
        return f":orange[:material/gpp_maybe:] **{subject}: nothing is broken; not here to be checked: {count}**"
    return f":green[:material/verified_user:] **{subject}: the chain holds**"


def links_table(found: Verification) -> pa.Table:
    """Return the links as Markdown that shows texts as they are, what is broken first."""
    order = list(_MARKS)
    links = sorted(found.links, key=lambda link: order.index(link.state) if link.state in order[:2] else len(order))
    links = links[:_MOST]
    columns: dict[str, list[str]] = {
        "": [_MARKS.get(link.state, "") for link in links],
        "link": [markdown(link.kind, 40) for link in links],
        "name": [markdown(_short(link.name), 160) for link in links],
        "found": [markdown(_short(link.text)) for link in links],
    }
    if any(link.hint for link in links):
        columns["what to type"] = [command(link.hint) if link.hint else "" for link in links]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _short(text: str) -> str:
    return _DIGITS.sub(r"\1…", text)
