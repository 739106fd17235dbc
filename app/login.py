"""Logging in through an identity provider, where whoever serves the dashboard has set one up."""

from __future__ import annotations

import streamlit as st

__all__ = ["is_admitted"]


def is_admitted() -> bool:
    """Tell whether the visitor may see pages; show the way in to one who may not yet.

    Without an ``[auth]`` section in Streamlit's secrets everybody may who can reach the server.
    Source: https://docs.streamlit.io/develop/api-reference/user/st.user
    """
    known = dict(st.user)
    if known.get("is_logged_in", True):
        return True
    st.title("gtrack", anchor=False)
    st.markdown("Log in to see the runs of this repository.")
    st.button("Log in", on_click=st.login, type="primary", icon=":material/login:")
    return False
