"""A page of panels, for the tests in a browser: the address says which, and what has happened is printed below."""

import streamlit as st
from panels_figures import curves, hostile, others

from gtrack._app.panels import last_event, panels


def keep():
    st.session_state.event = last_event("grid")
    st.session_state.events = st.session_state.get("events", 0) + 1


st.set_page_config(layout="wide")
kind = st.query_params.get("page", "curves")
state = st.session_state
if st.button("more"):
    state.points = state.get("points", 50) + 50
if st.button("without"):
    state.without = True
event = state.get("event")
points = state.get("points", 50) * (4 if event and event.kind == "zoom" and event.range else 1)
count = int(st.query_params.get("count", "4"))
figures = list({"curves": lambda: curves(count, points), "others": others, "hostile": hostile}[kind]())
figures = figures[1:] if state.get("without") else figures
asked = st.query_params.get("events", "zoom brush select click hidden").split()
now = panels(figures, key="grid", columns=2, height=220, events=asked, on_event=keep)
st.code(f"kept {event!r}", language=None)
st.code(f"now {now.kind if now else None} of {state.get('events', 0)} at {points} points", language=None)
