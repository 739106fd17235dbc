"""HTML and SVG that a run logged, in a frame that can do nothing: no script, no form, no window, no other host.

Streamlit's own frames let scripts run and count as this site, so they are not used for it. Ours has an empty
``sandbox`` attribute, which makes it a stranger to this site in which nothing runs, and a policy of its own in the
document (https://html.spec.whatwg.org/multipage/iframe-embed-object.html#attr-iframe-sandbox); what it may load is
bounded once more by the policy of the page around it, which a ``srcdoc`` document inherits.
"""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

__all__ = ["POLICY", "document_of_html", "document_of_svg", "sandboxed"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:"
"""What a document may use: what is in it."""

_HEAD = (
    f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    '<meta name="referrer" content="no-referrer"><base target="_self">'
)
_SCRIPT = """
const frames = new WeakMap();
export default function (component) {
  const { data, parentElement: place } = component;
  let frame = frames.get(place);
  if (!frame) {
    frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "");
    frame.setAttribute("referrerpolicy", "no-referrer");
    Object.assign(frame.style, { width: "100%", border: "1px solid var(--st-border-color)", background: "#fff",
      borderRadius: "var(--st-base-radius)", colorScheme: "light" });
    place.append(frame);
    frames.set(place, frame);
  }
  frame.title = data.title;
  frame.style.height = `${data.height}px`;
  if (frame.srcdoc !== data.document) frame.srcdoc = data.document;
  return () => {
    frames.delete(place);
    frame.remove();
  };
}
"""


def document_of_html(text: str) -> str:
    """Return a document with HTML that somebody logged in it."""
    return _HEAD + text


def document_of_svg(data: bytes) -> str:
    """Return a document with an SVG in it, as an image: what is in an image runs and loads nothing."""
    encoded = base64.b64encode(data).decode()
    style = "margin:0;display:grid;place-items:center;height:100vh;background:#fff"
    image = f'<img alt="" style="max-width:100%;max-height:100%" src="data:image/svg+xml;base64,{encoded}">'
    return f'{_HEAD}<body style="{style}">{image}'


def sandboxed(document: str, *, key: str, title: str, height: int = 520) -> None:
    """Show a document in a frame that can do nothing.

    Args:
        document: What one of the functions above returns.
        key: What tells the frame from others of the page.
        title: What it holds, for those who do not see it.
        height: In pixels.
    """
    _component()(key=key, data={"document": document, "title": title, "height": height})


@functools.cache
def _component() -> ComponentRenderer:
    return st.components.v2.component("gtrack.sandbox", js=_SCRIPT, isolate_styles=False)
