"""A page with what the page of a run shows of foreign text: a frame of HTML, and console output."""

import streamlit as st

from gtrack._app.screens.run.console import show_console
from gtrack._app.screens.run.console_text import console_of, found_in
from gtrack._app.screens.run.sandbox import document_of_html, document_of_svg, sandboxed

HOSTILE = """
<h1 id=shown>Report</h1>
<script>document.body.innerHTML = "ran"; parent.document.title = "ran"</script>
<img src=x onerror="parent.document.title = 'ran'">
<a id=away href="https://evil.example/">away</a>
<a id=top href="https://evil.example/" target=_top>top</a>
<meta http-equiv=refresh content="0; url=https://evil.example/">
"""
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><script>top.document.title='ran'</script></svg>"

st.title("frames")
sandboxed(document_of_html(HOSTILE), key="html", title="a report", height=200)
sandboxed(document_of_svg(SVG), key="svg", title="a drawing", height=100)
count = st.number_input("Lines", value=30)
search = st.text_input("Search")
text = "".join(f"line {number} <b>x</b> Loss\n" for number in range(int(count))).encode()
show_console(found_in(console_of(text), search), search, height=200, follow=True)
