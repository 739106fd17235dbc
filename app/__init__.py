"""The dashboard: a Streamlit app over one repository, opened with ``gtrack ui``.

Reads through :mod:`gtrack.reader` alone and acts through :mod:`gtrack.ops`, as the git identity of whoever started it.
"""
