import base64
import io

import numpy as np
import pytest
from PIL import Image

from cases.case import Media, MediaKind
from cases.errors import MediaError
from cases.media import MAX_PIXELS, data_url, load_media, media_modality, read_image, shrink, slice_count


def save(path, image, **options):
    image.save(path, **options)
    return path


def read(path, **options):
    return read_image(Media(uri=str(path)), **options)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff", "a.bmp"])
@pytest.mark.parametrize(("mode", "colour"), [("L", 200), ("RGB", (200, 30, 10))])
def test_pictures_of_every_format_are_read_in_grey_or_colour(tmp_path, name, mode, colour):
    image = read(save(tmp_path / name, Image.new(mode, (90, 70), colour)))
    assert image.size == (90, 70)
    assert image.mode == ("RGB" if name.endswith("webp") else mode)
    assert np.allclose(np.asarray(image)[0, 0], colour, atol=12)


def test_a_photograph_is_turned_as_its_exif_says(tmp_path):
    picture = Image.new("RGB", (60, 40), "black")
    picture.paste((255, 0, 0), (0, 0, 10, 10))
    exif = picture.getexif()
    exif[0x0112] = 6
    image = read(save(tmp_path / "a.jpg", picture, exif=exif, quality=95))
    assert image.size == (40, 60)
    assert image.getpixel((36, 3))[0] > 200
    assert image.getpixel((3, 3))[0] < 60


def test_sixteen_bit_grey_fills_the_range_of_a_display(tmp_path):
    values = np.linspace(1000, 3000, 100 * 100).reshape(100, 100).astype(np.uint16)
    image = read(save(tmp_path / "a.png", Image.fromarray(values)))
    assert image.mode == "L"
    assert image.getextrema() == (0, 255)


def test_transparency_is_laid_on_black(tmp_path):
    picture = Image.new("RGBA", (80, 80), (255, 255, 255, 0))
    assert read(save(tmp_path / "a.png", picture)).getextrema() == ((0, 0), (0, 0), (0, 0))


def test_pages_of_a_tiff_are_counted_and_read_by_number(tmp_path):
    pages = [Image.new("L", (80, 80), shade) for shade in (10, 100, 200)]
    path = tmp_path / "a.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    media = load_media(path)
    assert slice_count(media) == 3
    assert [read_image(media, slice_index=i).getpixel((0, 0)) for i in range(3)] == [10, 100, 200]
    with pytest.raises(MediaError, match="frames 0 to 2"):
        read_image(media, slice_index=3)


def bomb(path):
    """A PNG whose header promises MAX_PIXELS and more; its few bytes would unfold on decoding."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, MAX_PIXELS // 20_000 + 1, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (bomb, "too large"),
        (lambda path: path.write_bytes(b"not a picture"), "not a picture"),
        (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40), "broken|not a picture"),
        (lambda path: path.write_text("<svg/>"), "not a picture"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_remedy(tmp_path, make, what):
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(MediaError, match=what) as caught:
        read(path)
    assert caught.value.remedy
    assert caught.value.where == str(path)
    with pytest.raises(MediaError):
        load_media(path)


def test_a_picture_that_was_cut_off_is_refused_and_not_half_shown(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    path = save(tmp_path / "a.jpg", Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match="broken or cut off"):
        read(path)


@pytest.mark.parametrize("name", ["gone.png", "gone.dcm", "gone.nii.gz"])
def test_a_missing_or_empty_file_is_refused(tmp_path, name):
    with pytest.raises(MediaError, match="file not found"):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(MediaError, match="empty"):
        load_media(tmp_path / name)


def test_a_reference_carries_the_files_hash_and_a_picture_states_no_modality(tmp_path):
    import hashlib

    path = save(tmp_path / "a.png", Image.new("L", (80, 80)))
    media = load_media(path, licence="CC0")
    assert media.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (media.kind, media.modality, media.licence) == (MediaKind.IMAGE, None, "CC0")
    assert media_modality(path) is None


@pytest.mark.parametrize(("size", "kind"), [((100, 100), "png"), ((900, 300), "jpeg")])
def test_a_data_url_holds_the_picture_within_the_pixel_budget(size, kind):
    url = data_url(Image.new("RGB", size, (9, 99, 200)), max_pixels=90_000)
    head, _, body = url.partition(",")
    assert head == f"data:image/{kind};base64"
    image = Image.open(io.BytesIO(base64.b64decode(body)))
    assert image.width * image.height <= 90_000
    assert abs(image.width / image.height - size[0] / size[1]) < 0.02
    assert np.allclose(image.convert("RGB").getpixel((5, 5)), (9, 99, 200), atol=6)


def test_a_small_picture_is_never_enlarged():
    assert shrink(Image.new("L", (64, 64)), 10**6).size == (64, 64)
