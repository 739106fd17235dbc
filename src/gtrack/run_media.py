"""Media of a live run: images, figures, tables, histograms and sound, each with a key and a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gtrack.errors import MissingExtraError
from gtrack.format.artifact_path import canonical
from gtrack.format.plain import to_plain
from gtrack.media.medium import Medium, media_key, media_path, reason_of, step_number, suffix_of
from gtrack.run_artifacts import ArtifactLogging

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

__all__ = ["MediaLogging"]

_CAPTION = 2000
"""The longest caption, in characters."""

Make = Callable[[], Medium]


class MediaLogging(ArtifactLogging):
    """The part of :class:`gtrack.Run` that keeps what is to be looked at.

    Each medium has a key, by which those of one kind are found, and may have a step. It is kept below
    ``media/<kind>/<key>/``. The same content logged under one key at one step is one file. No method raises because of
    a bad argument or a missing package: it warns once, and training goes on (``GTRACK_STRICT=1`` raises).
    """

    def log_image(
        self,
        image: object,
        key: str | None = None,
        step: int | None = None,
        *,
        caption: str | None = None,
        channels: str | None = None,
        artifact_file: str | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,  # noqa: ARG002  (MLflow's; an image is always kept before this returns)
    ) -> str:
        """Keep an image.

        Args:
            image: An array of numpy, PyTorch or JAX of shape (H, W), (H, W, C) or (C, H, W), with 1, 3 or 4 channels:
                ``uint8``, truth values, or floats in [0, 1]; an image of Pillow; or the path of a PNG, JPEG, WebP or
                GIF file, which is kept byte for byte. Values out of range are clipped, and a warning says so.
            key: What it is called; slashes make folders. Or the path that it gets, if that ends like an image's.
            step: Its step.
            caption: A sentence to show with it.
            channels: ``first`` or ``last``, where the shape does not tell.
            artifact_file: The path that it gets, as MLflow has it.
            timestamp: Milliseconds since the epoch, as MLflow has it; recorded with the image.
            synchronous: Not needed.

        Returns:
            The path it has among the run's artifacts; empty when it could not be kept.

        Example:
            >>> run.log_image(batch[0], "samples", step=10)
            'media/image/samples/10-1f0c2a3b.png'
        """
        from gtrack.media.image_files import IMAGE_SUFFIXES
        from gtrack.media.images import image_medium

        name = key if artifact_file is None else artifact_file
        suffix = suffix_of(name)
        is_path = suffix in IMAGE_SUFFIXES
        wanted = suffix if is_path else ".png"
        extra: dict[str, object] = {} if timestamp is None else {"timestamp": timestamp}
        return self._keep(
            lambda: image_medium(image, channels=channels, suffix=wanted), name, step, caption, is_path, extra
        )

    def log_figure(
        self,
        figure: object,
        key: str | None = None,
        step: int | None = None,
        *,
        caption: str | None = None,
        artifact_file: str | None = None,
        save_kwargs: Mapping[str, object] | None = None,
    ) -> str:
        """Keep a figure of matplotlib, as PNG, or of plotly, as JSON. It stays open, or closed.

        Args:
            figure: A figure, or what has one, such as axes.
            key: What it is called; slashes make folders. Or the path that it gets, if that ends in ``.png``, ``.svg``,
                ``.pdf``, ``.jpg``, or of plotly ``.json`` or ``.html``; the ending is the format.
            step: Its step.
            caption: A sentence to show with it.
            artifact_file: The path that it gets, as MLflow has it.
            save_kwargs: What else matplotlib's ``savefig`` takes, such as ``{"dpi": 200}``.

        Returns:
            The path it has among the run's artifacts; empty when it could not be kept.

        Example:
            >>> run.log_figure(fig, "roc", step=10)
            'media/figure/roc/10-5ab0c2d1.png'
            >>> run.log_figure(fig, "plots/roc.svg")
            'plots/roc.svg'
        """
        from gtrack.media.figures import FIGURE_SUFFIXES, figure_medium

        name = key if artifact_file is None else artifact_file
        suffix = suffix_of(name)
        is_path = suffix in FIGURE_SUFFIXES
        wanted = suffix if is_path else ""
        return self._keep(lambda: figure_medium(figure, wanted, save_kwargs), name, step, caption, is_path)

    def log_table(
        self,
        data: object,
        key: str | None = None,
        step: int | None = None,
        *,
        columns: Sequence[str] | None = None,
        caption: str | None = None,
        artifact_file: str | None = None,
    ) -> str:
        """Keep a table, as Parquet.

        Numbers, truth values, texts, dates and times stay what they are, everything else becomes text. Each call keeps
        a table of its own: MLflow's ``log_table(data, "x.json")`` appends to one file; here its tables are those of the
        key ``x``, in the order of their time.

        Args:
            data: A frame of pandas or polars, an Arrow table, a dict of lists, a list of dicts, or a list of rows.
            key: What it is called; slashes make folders. Or the path that it gets, if that ends in ``.parquet``.
            step: Its step.
            columns: Of a list of rows, the columns' names.
            caption: A sentence to show with it.
            artifact_file: The key or the path, as MLflow has it.

        Returns:
            The path it has among the run's artifacts; empty when it could not be kept.

        Example:
            >>> run.log_table({"feature": ["age", "income"], "importance": [0.7, 0.3]}, "importance")
            'media/table/importance/9f2ad1c0.parquet'
        """
        from gtrack.media.tables import table_medium

        name = key if artifact_file is None else artifact_file
        if suffix_of(name) == ".json":
            self._recording.notices.warn(
                f"log_table keeps each table by itself, as Parquet, where MLflow appends to {name!r:.80}",
                once="log_table appends",
            )
            name = str(name)[: -len(".json")]
        return self._keep(lambda: table_medium(data, columns), name, step, caption, suffix_of(name) == ".parquet")

    def log_histogram(
        self,
        values: object,
        key: str,
        step: int | None = None,
        *,
        bins: int = 64,
        caption: str | None = None,
    ) -> str:
        """Keep a histogram, as JSON.

        Args:
            values: Numbers of any shape: an array, a tensor, a list. Or counts and edges, as ``numpy.histogram``
                returns them.
            key: What it is called; histograms of one key at many steps make a heat map.
            step: Its step.
            bins: How many intervals the values are counted in, 1 to 4,096.
            caption: A sentence to show with it.

        Returns:
            The path it has among the run's artifacts; empty when it could not be kept.

        Example:
            >>> run.log_histogram(model.fc.weight.grad, "gradients/fc", step=10)
            'media/histogram/gradients/fc/10-07c1f5a2.json'
        """
        from gtrack.media.histograms import histogram_medium

        return self._keep(lambda: histogram_medium(values, bins), key, step, caption)

    def log_audio(
        self,
        sound: npt.ArrayLike | str | os.PathLike[str] | object,
        key: str,
        step: int | None = None,
        *,
        sample_rate: int | None = None,
        caption: str | None = None,
    ) -> str:
        """Keep sound, as WAV.

        Args:
            sound: Samples of shape (N,), (N, channels) or (channels, N): floats in [-1, 1], or integers as WAV has
                them; or the path of a WAV, MP3, Ogg, FLAC or M4A file, which is kept byte for byte.
            key: What it is called; slashes make folders.
            step: Its step.
            sample_rate: Samples a second, in Hz; needed unless a file says so itself.
            caption: A sentence to show with it.

        Returns:
            The path it has among the run's artifacts; empty when it could not be kept.

        Example:
            >>> run.log_audio(waveform, "speech", step=10, sample_rate=16000)
            'media/audio/speech/10-c40d2e11.wav'
        """
        from gtrack.media.audio import audio_medium

        return self._keep(lambda: audio_medium(sound, sample_rate), key, step, caption)

    def _keep(
        self,
        make: Make,
        name: object,
        step: object,
        caption: object,
        is_path: bool = False,
        extra: dict[str, object] | None = None,
    ) -> str:
        """Keep a medium below its key, or at the path that the name is; whatever goes wrong is told once."""
        try:
            key, at = media_key(name), step_number(step)
            medium = make()
        except MissingExtraError as error:
            return self._lacks(name, error)
        except Exception as error:  # a user's object may raise anything from anywhere
            return self._refuse(canonical(name), reason_of(error))
        for remark in medium.remarks:
            self._recording.notices.warn(f"{medium.kind} {key!r:.80}: {remark}")
        said: dict[str, object] = {"kind": medium.kind, "key": key, "step": at}
        if caption is not None:
            said["caption"] = str(to_plain(caption))[:_CAPTION]
        path = canonical(key) if is_path else media_path(medium, key, at)
        return self.log_bytes(medium.data, path, type=medium.type, media={**said, **medium.details, **(extra or {})})

    def _lacks(self, name: object, error: MissingExtraError) -> str:
        """Say once a package that it is missing, not once a key."""
        if self._recording.settings.strict:
            raise error
        self._recording.notices.warn(f"{name!r:.80} was not logged: {error}", once=str(error))
        return ""
