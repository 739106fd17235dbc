"""What an artifact can be shown as: by its media type and name, and only where its first bytes agree."""

from __future__ import annotations

from gtrack.media.figures import PLOTLY_TYPE
from gtrack.media.image_files import inspect_image
from gtrack.media.tables import TABLE_TYPE
from gtrack.model.artifact import Artifact

__all__ = ["LARGEST", "audio_type", "image_uri", "kind_of", "language_of", "never_opened"]

LARGEST = 16 << 20
"""The largest artifact that is shown, in bytes; a larger one is downloaded."""

_MOST_PIXELS = 60_000_000
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".npy", ".npz", ".bin", ".dill", ".h5", ".keras")
_SOUNDS: tuple[tuple[str, int, tuple[bytes, ...]], ...] = (
    ("audio/wav", 0, (b"RIFF",)),
    ("audio/flac", 0, (b"fLaC",)),
    ("audio/ogg", 0, (b"OggS",)),
    ("audio/mpeg", 0, (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    ("audio/mp4", 4, (b"ftyp",)),
)
"""Media types of sounds, and what stands where in a file of each."""
_LANGUAGES = {
    **dict.fromkeys(("py", "pyi"), "python"),
    **dict.fromkeys(("yaml", "yml"), "yaml"),
    **dict.fromkeys(("sh", "bash", "zsh"), "bash"),
    **dict.fromkeys(("js", "mjs", "ts"), "javascript"),
    **dict.fromkeys(("c", "h", "cc", "cpp", "hpp", "cu"), "cpp"),
    **dict.fromkeys(("html", "htm", "xml", "svg"), "markup"),
    **dict.fromkeys(("json", "jsonl", "ipynb"), "json"),
    **dict.fromkeys(("diff", "patch"), "diff"),
    **{name: name for name in ("toml", "sql", "rust", "java", "go", "r", "julia", "css", "ini")},
    "rs": "rust",
    "jl": "julia",
    "cfg": "ini",
    "md": "markdown",
    "dockerfile": "docker",
    "makefile": "makefile",
}
_EXACTLY = {
    PLOTLY_TYPE: "plotly",
    TABLE_TYPE: "table",
    "image/svg+xml": "svg",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
}
_TEXTS = ("text/", "application/json", "application/yaml", "application/toml", "application/jsonl", "application/xml")


def kind_of(artifact: Artifact) -> str:
    """Return what to try to show an artifact as.

    Returns:
        ``image``, ``svg``, ``html``, ``table``, ``csv``, ``histogram``, ``plotly``, ``audio``, ``text``, or ``none``.
    """
    media, kind = artifact.media.get("kind"), artifact.type
    if media == "histogram":
        return "histogram"
    if kind in _EXACTLY:
        return _EXACTLY[kind]
    if kind.startswith(("image/", "audio/")):
        return kind[:5]
    return "text" if kind.startswith(_TEXTS) or language_of(artifact.path) else "none"


def image_uri(data: bytes) -> str | None:
    """Return an image as an address that holds it, once its first bytes say that browsers show it; else None.

    The browser alone decodes it, and only of so many pixels.
    """
    import base64

    found = inspect_image(data)
    if found is None or found.width * found.height > _MOST_PIXELS:
        return None
    return f"data:image/{found.format};base64,{base64.b64encode(data).decode()}"


def audio_type(data: bytes) -> str | None:
    """Return the media type of a sound by its first bytes; None for what is none."""
    for name, at, marks in _SOUNDS:
        if data[at:].startswith(marks) and (name != "audio/wav" or data[8:12] == b"WAVE"):
            return name
    return None


def language_of(path: str) -> str | None:
    """Return what a file is written in, by its name, as ``st.code`` calls it; None for what is not known."""
    name = path.rpartition("/")[2].lower()
    return _LANGUAGES.get(name.rpartition(".")[2])


def never_opened(path: str) -> bool:
    """Tell whether a file may be a pickle, or hold one, by its name: reading one runs what is in it."""
    return path.lower().endswith(_PICKLES)
