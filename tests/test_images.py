"""Decoding untrusted images, the transform and the pixel cache."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image
from zips import make_class_files, make_picture, write_zip

from transfer_core import dataset, images
from transfer_core.errors import ImageError
from transfer_core.system.parallel import WorkStopped, map_in_order

FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF"]


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def read_colour(data: bytes, at=(0, 0)) -> tuple[int, int, int]:
    return images.decode_image(data).getpixel(at)


def read_reason(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        images.decode_image(data)
    with pytest.raises(ImageError):
        images.clean_image(data)
    return caught.value.problem


def make_png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG whose header tells a size, whatever follows."""
    chunks = [
        (b"IHDR", struct.pack(">2L5B", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(d)) + k + d + struct.pack(">L", zlib.crc32(k + d)) for k, d in chunks
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_every_promised_format_is_decoded_to_rgb(kind):
    data = encode(Image.new("RGB", (32, 16), (200, 30, 60)), kind)
    image = images.decode_image(data)
    assert (image.mode, image.size) == ("RGB", (32, 16))
    assert np.allclose(image.getpixel((5, 5)), (200, 30, 60), atol=8)
    assert images.clean_image(data).info == images.ImageInfo(kind, 32, 16, False)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", "PNG"),
        ("1", "PNG"),
        ("P", "PNG"),
        ("P", "GIF"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("YCbCr", "TIFF"),
        ("LA", "PNG"),
        ("RGBA", "WEBP"),
    ],
)
def test_39_every_colour_mode_keeps_its_colour(mode, kind):
    white_and_black = Image.new("RGB", (32, 16), "white")
    white_and_black.paste("black", (16, 0, 32, 16))
    image = images.decode_image(encode(white_and_black.convert(mode), kind))
    assert min(image.getpixel((2, 8))) > 240 and max(image.getpixel((29, 8))) < 15


def test_39_lab_is_converted():
    lab = Image.merge("LAB", [Image.new("L", (16, 16), v) for v in (255, 128, 128)])
    assert min(read_colour(encode(lab, "TIFF"))) > 250


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_39_transparency_is_laid_on_white(mode):
    black = Image.new("RGBA", (16, 16), (0, 0, 0, 0)).convert(mode)
    black.putpixel((1, 1), (0, 0, 0, 255) if mode == "RGBA" else (0, 255))
    assert read_colour(encode(black)) == (255, 255, 255)
    assert read_colour(encode(black), (1, 1)) == (0, 0, 0)


@pytest.mark.parametrize("alpha", [0, bytes([0, 255])])
def test_39_a_transparent_palette_entry_is_laid_on_white(alpha):
    palette = Image.new("P", (16, 16), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.putpixel((1, 1), 1)
    data = encode(palette, transparency=alpha)
    assert (read_colour(data), read_colour(data, (1, 1))) == ((255, 255, 255), (255, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_40_sixteen_bits_are_scaled_and_not_clipped(kind):
    values = np.full((16, 16), 40_000, np.uint16)
    values[0, 0], values[0, 1] = 65_535, 0
    image = images.decode_image(encode(Image.fromarray(values), kind))
    assert [image.getpixel(at)[0] for at in ((5, 5), (0, 0), (1, 0))] == [156, 255, 0]


def test_40_twelve_bits_in_sixteen_do_not_turn_black():
    values = np.full((16, 16), 4095, np.uint16)
    values[0, 0] = 0
    assert read_colour(encode(Image.fromarray(values), "TIFF"), (5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("low", "high", "middle"), [(0, 1, 0.5), (0, 255, 127.5), (-5, 900, 447.5)]
)
def test_40_floating_point_images_use_their_range(low, high, middle):
    values = np.full((16, 16), middle, np.float32)
    values[0, 0], values[0, 1] = low, high
    image = images.decode_image(encode(Image.fromarray(values), "TIFF"))
    assert [image.getpixel(at)[0] for at in ((0, 0), (1, 0), (5, 5))] == [0, 255, 128]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_41_images_are_turned_upright(kind, orientation):
    upright = Image.new("RGB", (48, 32), "white")
    upright.paste("black", (0, 0, 16, 16))
    undo = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}.get(orientation, [])
    stored = upright
    for step in undo:
        stored = stored.transpose(Image.Transpose(step))
    exif = Image.Exif()
    exif[0x0112] = orientation
    # As bytes: only then does the HEIF encoder write the rotation where HEIF keeps it.
    data = encode(stored, kind, exif=exif.tobytes() if kind == "HEIF" else exif)
    image = images.decode_image(data)
    assert image.size == (48, 32)
    assert max(image.getpixel((3, 3))) < 60 and min(image.getpixel((44, 28))) > 200
    assert (images.clean_image(data).info.width, images.clean_image(data).info.height) == (48, 32)


def test_41_no_metadata_leaves_the_decoder():
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    image = images.decode_image(
        encode(Image.new("RGB", (16, 16)), "JPEG", exif=exif, comment=b"secret")
    )
    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        assert b"secret" not in encode(image, kind)
    assert not image.getexif()


def test_42_an_unknown_orientation_and_damaged_metadata_still_give_pixels():
    exif = Image.Exif()
    exif[0x0112] = 99
    assert images.decode_image(encode(Image.new("RGB", (16, 16)), "JPEG", exif=exif)).size == (
        16,
        16,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        broken = encode(Image.new("RGB", (16, 16)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
        assert images.decode_image(broken).size == (16, 16)


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [
        (50_000, 50_000, "too large"),
        (13_000, 13_000, "too large"),
        (9_400, 9_400, "too large"),
        (20_001, 600, "too large"),
        (1, 2**31 - 1, "too large"),
        (1, 1, "too small"),
        (7, 500, "too small"),
        (18_000, 10, "too narrow"),
    ],
)
def test_28_29_30_37_sizes_are_refused_from_the_header_alone(width, height, said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert said in read_reason(make_png(width, height))


def test_30_a_frame_that_outgrows_its_header_is_refused():
    gif = bytearray(encode(Image.new("P", (16, 16)), "GIF"))
    at = gif.index(b"\x2c")
    struct.pack_into("<2H", gif, at + 5, 60_000, 60_000)
    read_reason(bytes(gif))


@pytest.mark.parametrize("kind", FORMATS)
def test_31_a_truncated_image_is_refused(kind):
    data = make_picture(size=(64, 64), kind=kind)
    read_reason(data[: int(len(data) * 0.6)])


def test_31_truncation_is_named():
    data = make_picture(size=(64, 64), kind="JPEG")
    assert "truncated" in read_reason(data[: len(data) // 2])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<html></html>",
        b"%PDF-1.7\n",
        b"8BPS\0\1" + bytes(40),
        b"SIMPLE  =   T",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    ],
)
def test_32_33_34_other_content_is_no_image_whatever_its_name(data):
    assert "not an image" in read_reason(data)


def test_33_ghostscript_is_never_started(monkeypatch):
    from PIL import EpsImagePlugin

    def started(*arguments, **more):
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n"
    assert "not an image" in read_reason(eps)


def test_36_a_polyglot_gives_pixels_only():
    assert images.decode_image(make_picture(kind="JPEG") + b"PK\3\4" + b"x" * 99).size == (24, 16)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_38_the_first_of_several_frames_is_used_and_told(kind):
    frames = [Image.new("RGB", (16, 16), c) for c in ("red", "blue", "green")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert images.clean_image(data).info.frames
    assert np.allclose(read_colour(data), (255, 0, 0), atol=6)


def test_38_a_phone_photo_with_a_second_picture_inside_is_a_jpeg():
    frames = [Image.new("RGB", (16, 16), c) for c in ("red", "blue")]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert images.clean_image(data).info == images.ImageInfo("JPEG", 16, 16, False)
    assert np.allclose(read_colour(data), (255, 0, 0), atol=6)


def test_42_a_text_bomb_ends_quickly():
    bomb = zlib.compress(bytes(100 * 1024**2), 9)
    chunk = b"zTXt" + b"k\0\0" + bomb
    good = make_picture()
    data = good[:33] + struct.pack(">L", len(chunk) - 4) + chunk
    data += struct.pack(">L", zlib.crc32(chunk)) + good[33:]
    assert images.clean_image(data).data == good  # which needs no look at the text
    with pytest.raises(ImageError):
        images.decode_image(data)


@pytest.mark.parametrize("size", [(100, 40), (40, 100), (32, 32), (64, 64), (64, 90)])
def test_the_transform_keeps_the_centre_square(size):
    image = Image.new("RGB", size, "red")
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    image.paste("blue", (left, top, left + side, top + side))
    pixels = images.apply_transform(image, images.Transform(64))
    assert (pixels.shape, pixels.dtype) == ((64, 64, 3), np.uint8)
    assert (pixels[4:60, 4:60] == (0, 0, 255)).all()


def test_the_transform_is_antialiased():
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = images.apply_transform(Image.fromarray(stripes), images.Transform(64))
    assert np.abs(pixels.astype(int) - 127).max() <= 5


def test_the_transform_agrees_with_resize_then_crop_of_torchvision():
    transforms = pytest.importorskip("torchvision.transforms")
    image = Image.open(io.BytesIO(make_picture(size=(192, 128)))).convert("RGB")
    theirs = transforms.Compose([transforms.Resize(64), transforms.CenterCrop(64)])(image)
    ours = images.apply_transform(image, images.Transform(64))
    assert np.abs(ours.astype(int) - np.asarray(theirs)).max() <= 1


@pytest.fixture
def small_set(tmp_path, transfer_home):
    path = write_zip(tmp_path / "set.zip", make_class_files({"a": 30, "b": 30}))
    return dataset.ingest(path, home=transfer_home)


def test_pixels_are_in_the_order_of_the_records_and_kept(small_set, transfer_home):
    calls = []
    transform = images.Transform(8)
    pixels = dataset.load_pixels(transfer_home, small_set, transform, lambda *n: calls.append(n))
    assert (pixels.shape, pixels[:].dtype) == ((60, 8, 8, 3), np.uint8)
    assert calls[-1] == ("Decoding images", 60, 60) and calls == sorted(calls)
    for index in (0, 31, 59):
        image = dataset.load_image(transfer_home, small_set, index)
        assert (pixels[index] == images.apply_transform(image, transform)).all()
    small_set.pack_path(transfer_home).unlink()  # the second time nothing is decoded
    assert (dataset.load_pixels(transfer_home, small_set, transform)[:] == pixels[:]).all()


def test_some_pixels_are_those_of_the_whole_and_decode_nothing_else(small_set, transfer_home):
    chosen, transform, calls = np.array([0, 31, 59]), images.Transform(8), []
    some = dataset.PixelArray(transfer_home, small_set, transform).read(
        chosen, lambda *n: calls.append(n)
    )
    assert calls[-1] == ("Decoding images", 3, 3) and not (transfer_home / "pixels").exists()
    whole = dataset.load_pixels(transfer_home, small_set, transform)
    assert (some == whole[chosen]).all()
    small_set.pack_path(transfer_home).unlink()  # what was decoded before is used
    assert (dataset.PixelArray(transfer_home, small_set, transform).read(chosen) == some).all()


def test_stopped_decoding_leaves_nothing_behind(small_set, transfer_home):
    with pytest.raises(WorkStopped):
        dataset.load_pixels(transfer_home, small_set, images.Transform(8), stop=lambda: True)
    assert [p for p in (transfer_home / "pixels").rglob("*") if p.is_file()] == []


def test_work_in_order_yields_in_order_and_raises_what_the_work_raises():
    assert list(map_in_order(lambda n: n * n, range(100))) == [n * n for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(lambda n: 1 // (50 - n), range(100)))


def test_the_limits_are_those_that_are_promised():
    limits = images.ImageLimits()
    assert (limits.pixels, limits.side, limits.min_side) == (50_000_000, 20_000, 8)
    assert (limits.megabytes, limits.memory) == (50, 512) and limits.seconds < 5


def make_photo(size: tuple[int, int], **options) -> bytes:
    """A JPEG with soft shapes, as photos have."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    image = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    return encode(image, "JPEG", quality=90, **options)


def test_a_jpeg_is_decoded_smaller_only_while_enough_pixels_are_left():
    assert images.decode_image(make_photo((640, 480)), min_decoded_side=128).size == (320, 240)
    assert images.decode_image(make_photo((640, 480)), min_decoded_side=241).size == (640, 480)
    assert images.decode_image(make_picture(size=(640, 480)), min_decoded_side=8).size == (
        640,
        480,
    )  # PNG


def test_images_below_four_times_the_input_size_are_decoded_as_they_are():
    data, transform = make_photo((255, 255)), images.Transform(64)
    assert images.decode_image(data, transform.min_decoded_side) == images.decode_image(data)


def test_a_jpeg_decoded_smaller_gives_nearly_the_same_network_input():
    data, transform = make_photo((1280, 960)), images.Transform(64)
    whole = images.apply_transform(images.decode_image(data), transform).astype(int)
    fast = images.apply_transform(images.decode_image(data, transform.min_decoded_side), transform)
    assert np.abs(fast - whole).mean() < 1  # of 255 grey levels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_that_is_checked_is_that_of_the_upright_image(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = make_photo((65, 64), exif=exif)
    facts = images.clean_image(data).info
    assert (facts.width, facts.height) == images.decode_image(data).size


def test_every_cut_through_a_jpeg_is_found_by_the_check():
    data = make_photo((640, 480))
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(ImageError, match="truncated"):
            images.clean_image(data[: int(share * len(data))])
