"""Images of arrays, of Pillow and of files, as files that a browser shows."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

from gtrack.errors import MissingExtraError, UsageError
from gtrack.media.arrays import as_numbers, is_torch
from gtrack.media.image_files import IMAGE_SUFFIXES, inspect_image
from gtrack.media.medium import Medium, read_file
from gtrack.media.png import encode_png

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["CHANNELS", "image_medium", "to_pixels"]

CHANNELS = ("first", "last")
"""Where an array of three dimensions may have its channels."""

_MAX_PIXELS = 100_000_000
_COLOURS = (1, 3, 4)
_PNG_MODES = frozenset(("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16"))
_CLIPPED = "values outside of {} were clipped"
_NAN = "NaN became black"


def image_medium(image: object, *, channels: str | None = None, suffix: str = ".png") -> Medium:
    """Return an image as a medium.

    Arrays become PNG, bit by bit what they hold as ``uint8``. Files of formats that browsers show are kept as they are.

    Args:
        image: An array of shape (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4 channels: ``uint8``, truth values, or
            floats in [0, 1]; an image of Pillow; or the path of a PNG, JPEG, WebP or GIF file.
        channels: ``first`` or ``last``, where the shape does not tell.
        suffix: The format wanted: ``.png``, or with Pillow ``.jpg``, ``.webp`` or ``.gif``.

    Raises:
        UsageError: It is none of these.
        MissingExtraError: Another format than PNG is wanted, and Pillow is not installed.
        OSError: The file cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return _of_file(os.fspath(image))
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(image, pillow.Image):
        return _of_pillow(image, suffix)
    if callable(getattr(image, "savefig", None)):
        raise UsageError(f"a {type(image).__name__} is a figure", hint="use log_figure")
    pixels, remarks = to_pixels(image, channels)
    if suffix == ".png":
        return _medium(encode_png(pixels), remarks)
    return _of_pillow(_as_pillow(pixels), suffix, remarks)


def to_pixels(image: object, channels: str | None = None) -> tuple[Array, tuple[str, ...]]:
    """Return an array as uint8 of shape (height, width, channels), and what had to be done to it.

    Args:
        image: See :func:`image_medium`.
        channels: ``first``, ``last``, or None to go by the shape.

    Raises:
        UsageError: It is no image.
    """
    if channels not in (None, *CHANNELS):
        raise UsageError(f"channels is {channels!r:.40}", hint='use channels="first" or channels="last"')
    array = as_numbers(image)
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    array, remarks = _channels_last(array, channels, torch=is_torch(image))
    if not 0 < array.shape[0] * array.shape[1] <= _MAX_PIXELS:
        raise UsageError(
            f"an image of {array.shape[1]} x {array.shape[0]} pixels: 1 to {_MAX_PIXELS:,} are taken",
            hint="use log_artifact",
        )
    pixels, more = _as_bytes(array)
    return pixels, (*remarks, *more)


def _channels_last(array: Array, channels: str | None, *, torch: bool) -> tuple[Array, tuple[str, ...]]:
    if array.ndim == 2:
        return array[:, :, None], ()
    if array.ndim != 3:
        raise UsageError(
            f"an array of shape {array.shape} is no image: (H, W), (H, W, C) or (C, H, W) is",
            hint="log the images of a batch one by one",
        )
    may_be = {"first": array.shape[0] in _COLOURS, "last": array.shape[2] in _COLOURS}
    remarks: tuple[str, ...] = ()
    if channels is None:
        if not any(may_be.values()):
            raise UsageError(f"an array of shape {array.shape} is no image: it has no 1, 3 or 4 channels")
        channels = "first" if may_be["first"] and (torch or not may_be["last"]) else "last"
        if all(may_be.values()):
            remarks = (f'the shape does not tell where the channels are: taken as {channels}, say channels="..."',)
    if not may_be[channels]:
        raise UsageError(f"an array of shape {array.shape} is no image: its channels, 1, 3 or 4, are not {channels}")
    return (array.transpose(1, 2, 0) if channels == "first" else array), remarks


def _as_bytes(array: Array) -> tuple[Array, tuple[str, ...]]:
    """Return values as uint8: truth values and floats from black to white, integers as they are."""
    import numpy as np

    if array.dtype == np.uint8:
        return array, ()
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255), ()
    low, high = array.min(), array.max()
    if array.dtype.kind in "iu":
        remarks = () if low >= 0 and high <= 255 else (_CLIPPED.format("0..255"),)
        return array.clip(0, 255).astype(np.uint8), remarks
    remarks = ()
    if np.isnan(low):
        array = np.nan_to_num(array, nan=0.0, posinf=2.0, neginf=-1.0)
        low, high, remarks = array.min(), array.max(), (_NAN,)
    if low < 0 or high > 1:
        remarks = (*remarks, _CLIPPED.format("[0, 1]"))
    # float16 cannot hold all of 0..255 plus a half.
    wide = array.astype(np.float32) if array.dtype.itemsize < 4 else array
    return (wide.clip(0, 1) * 255 + 0.5).astype(np.uint8), remarks


def _of_file(path: str) -> Medium:
    data = read_file(path, "an image")
    found = inspect_image(data)
    if found is None:
        raise UsageError(f"{path:.200} is no PNG, JPEG, WebP or GIF", hint="use log_artifact")
    return _medium(data)


def _medium(data: bytes, remarks: tuple[str, ...] = ()) -> Medium:
    found = inspect_image(data)
    if found is None:
        raise UsageError("the image could not be encoded")
    suffix = ".jpg" if found.format == "jpeg" else f".{found.format}"
    details = {"format": found.format, "width": found.width, "height": found.height}
    return Medium("image", data, suffix, f"image/{found.format}", details, remarks)


def _as_pillow(pixels: Array) -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("Pillow", "media") from None
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _of_pillow(image: Any, suffix: str, remarks: tuple[str, ...] = ()) -> Medium:
    """Have Pillow write an image; of several frames the one that it stands at."""
    name = IMAGE_SUFFIXES[suffix]
    if name == "jpeg" and image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    elif image.mode == "F":
        return image_medium(as_numbers(image), suffix=suffix)
    elif image.mode not in _PNG_MODES:
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "RGBa" else "RGB")
    buffer = io.BytesIO()
    image.save(buffer, name.upper())
    return _medium(buffer.getvalue(), remarks)
