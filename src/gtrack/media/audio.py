"""Sound as WAV, by the standard library; files of other formats as they are."""

from __future__ import annotations

import io
import os
import wave
from operator import index
from typing import TYPE_CHECKING, Any

from gtrack.errors import UsageError
from gtrack.media.arrays import as_numbers
from gtrack.media.medium import Medium, read_file

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["audio_medium"]

_TYPES = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".flac": "audio/flac", ".m4a": "audio/mp4"}
_MAX_CHANNELS = 16
_MAX_RATE = 768_000
_FULL = 32767
# What WAV has for samples of a number of bytes: 8 bits without a sign, others with one.
_WIDTHS = {"|u1": 1, "<i2": 2, "<i4": 4}


def audio_medium(sound: object, sample_rate: object = None) -> Medium:
    """Return sound as a medium.

    Args:
        sound: Samples of shape (N,), (N, channels) or (channels, N): floats in [-1, 1], which become 16 bits, or
            ``int16``, ``int32``, ``uint8``, which stay as they are; or the path of a WAV, MP3, Ogg, FLAC or M4A file,
            which is kept as it is.
        sample_rate: Samples a second, in Hz; needed for samples.

    Raises:
        UsageError: It is neither.
        OSError: The file cannot be read.
    """
    if isinstance(sound, str | os.PathLike):
        return _of_file(os.fspath(sound), sample_rate)
    rate = _rate(sample_rate)
    frames, remarks = _frames(as_numbers(sound))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(frames.shape[1])
        file.setsampwidth(frames.itemsize)
        file.setframerate(rate)
        file.writeframes(frames.tobytes())
    return _wav(buffer.getvalue(), remarks)


def _rate(sample_rate: object) -> int:
    if sample_rate is None:
        raise UsageError("samples need a sample rate", hint="log_audio(samples, key, sample_rate=16000)")
    try:
        rate = index(sample_rate)  # type: ignore[arg-type]
    except TypeError:
        rate = int(sample_rate) if isinstance(sample_rate, float) and sample_rate.is_integer() else 0
    if not 1 <= rate <= _MAX_RATE:
        raise UsageError(f"sample_rate is {sample_rate!r:.40}, not a number of Hz up to {_MAX_RATE:,}")
    return rate


def _frames(samples: Array) -> tuple[Array, tuple[str, ...]]:
    """Return samples as frames of all channels, of a type that WAV has, and what had to be done to them."""
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2:
        raise UsageError(f"samples of shape {samples.shape} are no sound: (N,), (N, channels) or (channels, N) are")
    if samples.shape[0] <= _MAX_CHANNELS and samples.shape[1] > samples.shape[0]:
        samples = samples.T
    if not 1 <= samples.shape[1] <= _MAX_CHANNELS or not len(samples):
        raise UsageError(f"sound has samples, and 1 to {_MAX_CHANNELS} channels; this has {samples.shape}")
    kind = samples.dtype.newbyteorder("<").str
    if kind in _WIDTHS:
        return samples.astype(kind), ()
    if samples.dtype.kind != "f":
        raise UsageError(f"samples of {samples.dtype} are no sound", hint="use floats in [-1, 1], or int16")
    return _from_floats(samples)


def _from_floats(samples: Array) -> tuple[Array, tuple[str, ...]]:
    import numpy as np

    remarks: tuple[str, ...] = ()
    if np.isnan(samples).any():
        samples, remarks = np.nan_to_num(samples, nan=0.0, posinf=2.0, neginf=-2.0), ("NaN became silence",)
    if samples.min() < -1 or samples.max() > 1:
        remarks = (*remarks, "samples outside of [-1, 1] were clipped")
    return np.rint(samples.astype(np.float64).clip(-1, 1) * _FULL).astype("<i2"), remarks


def _of_file(path: str, sample_rate: object) -> Medium:
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _TYPES:
        raise UsageError(f"{path:.200} is no WAV, MP3, Ogg, FLAC or M4A by its name", hint="use log_artifact")
    data = read_file(path, "a sound")
    if suffix == ".wav":
        return _wav(data)
    details: dict[str, object] = {"format": suffix[1:]}
    if sample_rate is not None:
        details["sample_rate"] = _rate(sample_rate)
    return Medium("audio", data, suffix, _TYPES[suffix], details)


def _wav(data: bytes, remarks: tuple[str, ...] = ()) -> Medium:
    """Return a WAV file with what its header says; some formats, such as floats, are not the library's to read."""
    details: dict[str, object] = {"format": "wav"}
    try:
        with wave.open(io.BytesIO(data)) as file:
            rate, count = file.getframerate(), file.getnframes()
            details |= {"sample_rate": rate, "channels": file.getnchannels(), "samples": count}
            details["duration"] = count / rate if rate else 0.0
    except (wave.Error, EOFError):
        if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
            raise UsageError("the file is no WAV", hint="use log_artifact") from None
    return Medium("audio", data, ".wav", _TYPES[".wav"], details, remarks)
