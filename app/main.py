"""What Streamlit runs for every visitor, and again at every change."""

from gtrack._app.shell import show

show()
