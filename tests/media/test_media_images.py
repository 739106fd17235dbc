"""Images: what was logged is what is seen."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gtrack.errors import UsageError
from gtrack.media.image_files import inspect_image
from gtrack.media.images import image_medium, to_pixels
from gtrack.media.medium import Medium, media_path
from gtrack.media.png import encode_png

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

SIDES = st.integers(1, 40)
SHAPES = st.one_of(st.tuples(SIDES, SIDES), st.tuples(SIDES, st.integers(5, 40), st.sampled_from((1, 3, 4))))
WHITE = np.full((2, 2), 255, np.uint8)


def seen(data: bytes) -> np.ndarray:
    """Return the pixels of an image file as another program sees them."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


@given(SHAPES.flatmap(lambda shape: arrays.arrays(np.uint8, shape)))
def test_an_image_of_bytes_is_seen_bit_by_bit(image: np.ndarray) -> None:
    medium = image_medium(image, channels="last" if image.ndim == 3 else None)
    assert np.array_equal(seen(medium.data), image[:, :, 0] if image.shape[2:] == (1,) else image)
    assert (medium.details["height"], medium.details["width"]) == image.shape[:2]
    assert not medium.remarks


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_smooth_and_large_images_are_seen_bit_by_bit(channels: int) -> None:
    y, x = np.mgrid[:700, :900]
    image = np.stack([(x * 3 + y * k + (x * y) // 50) % 256 for k in range(channels)], -1).astype(np.uint8)
    data = encode_png(image)
    assert np.array_equal(seen(data), image[:, :, 0] if channels == 1 else image)
    assert len(data) < image.nbytes / 2, "the filters leave something to pack"


def test_equal_pixels_are_equal_bytes() -> None:
    image = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    assert image_medium(image).data == image_medium(np.asfortranarray(image)).data


def test_floats_go_from_black_to_white() -> None:
    pixels, remarks = to_pixels(np.array([[0.0, 0.5, 1.0]]))
    assert pixels[:, :, 0].tolist() == [[0, 128, 255]] and remarks == ()
    half, _ = to_pixels(np.array([[0.0, 0.5, 1.0]], np.float16))
    assert half[:, :, 0].tolist() == [[0, 128, 255]]
    truth, _ = to_pixels(np.array([[False, True]]))
    assert truth[:, :, 0].tolist() == [[0, 255]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[-1.0, 0.5, 9.0]]), [[0, 128, 255]]),
        (np.array([[-3, 7, 300]]), [[0, 7, 255]]),
        (np.array([[np.nan, np.inf, -np.inf]]), [[0, 255, 0]]),
    ],
)
def test_what_is_out_of_range_is_clipped_and_said(values: np.ndarray, expected: list[list[int]]) -> None:
    pixels, remarks = to_pixels(values)
    assert pixels[:, :, 0].tolist() == expected
    assert any("clipped" in remark for remark in remarks)


@given(st.sampled_from((1, 3, 4)), st.integers(5, 9), st.integers(5, 9))
def test_channels_are_found_where_the_shape_tells(channels: int, height: int, width: int) -> None:
    image = np.arange(channels * height * width, dtype=np.uint8).reshape(height, width, channels)
    last, first = to_pixels(image), to_pixels(image.transpose(2, 0, 1))
    assert np.array_equal(last[0], first[0])
    assert last[1] == first[1] == ()


def test_where_the_shape_does_not_tell_it_is_said_and_can_be_told() -> None:
    image = np.arange(3 * 8 * 3, dtype=np.uint8).reshape(3, 8, 3)
    pixels, remarks = to_pixels(image)
    assert pixels.shape == (3, 8, 3) and "channels" in remarks[0]
    assert to_pixels(image, "first")[0].shape == (8, 3, 3)
    assert to_pixels(image, "first")[1] == ()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros(5),
        np.zeros((5, 8, 8)),
        np.zeros((2, 5, 8, 3)),
        np.zeros((0, 5)),
        np.zeros((2, 2), complex),
        np.array([["a"]]),
        [[1], [2, 3]],
        object(),
        None,
    ],
)
def test_what_is_no_image_is_refused_by_name(image: object) -> None:
    with pytest.raises(UsageError):
        image_medium(image)


def test_an_image_of_a_batch_of_one_is_an_image() -> None:
    assert to_pixels(np.zeros((1, 3, 8, 9)))[0].shape == (8, 9, 3)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_file_is_kept_byte_for_byte(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.bin"
    Image.new("RGB", (31, 17), "teal").save(path, name)
    medium = image_medium(path)
    assert medium.data == path.read_bytes()
    assert (medium.type, medium.details) == (
        f"image/{name.lower()}",
        {"format": name.lower(), "width": 31, "height": 17},
    )


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"quality": 50, "exact": True}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_kind_of_webp_tells_its_size(options: dict[str, object], mode: str) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((301, 170), 90).convert(mode).save(buffer, "WEBP", **options)
    found = inspect_image(buffer.getvalue())
    assert found is not None and (found.width, found.height) == (301, 170)


def test_a_progressive_jpeg_with_comments_tells_its_size() -> None:
    buffer = io.BytesIO()
    Image.new("L", (301, 170)).save(buffer, "JPEG", progressive=True, comment=b"\xff\xc0" * 50)
    found = inspect_image(buffer.getvalue())
    assert found is not None and (found.width, found.height) == (301, 170)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_every_mode_of_pillow_becomes_an_image_of_its_size(mode: str) -> None:
    medium = image_medium(Image.new("L", (9, 5), 1).convert(mode))
    assert (medium.details["width"], medium.details["height"]) == (9, 5)


def test_another_format_is_written_where_it_is_wanted() -> None:
    assert image_medium(np.zeros((4, 4, 4), np.uint8), channels="last", suffix=".jpg").type == "image/jpeg"
    assert image_medium(WHITE, suffix=".webp").suffix == ".webp"


@given(
    st.binary(max_size=200), st.sampled_from((b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFF....WEBP"))
)
def test_whatever_bytes_a_file_has_it_is_told_or_not(tail: bytes, head: bytes) -> None:
    found = inspect_image(head + tail)
    assert found is None or (found.width > 0 and found.height > 0)


def test_two_keys_that_come_to_one_folder_do_not_come_to_one_file() -> None:
    medium = Medium("image", b"same", ".png", "image/png")
    assert media_path(medium, "a:b", 1) != media_path(medium, "a_b", 1)
    assert media_path(medium, "a", 1) == "media/image/a/1-0967115f.png"
    assert media_path(medium, "a", None) == "media/image/a/0967115f.png"
