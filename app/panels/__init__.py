"""A grid of charts as one Streamlit component around plotly.js."""

from gtrack._app.panels.events import Event
from gtrack._app.panels.mount import last_event, panels

__all__ = ["Event", "last_event", "panels"]
