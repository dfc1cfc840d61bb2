"""Images from files: pictures, DICOM and NIfTI through one door, as PIL images in grey or colour."""

import base64
import hashlib
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from cases.case import Media, MediaKind
from cases.dicom import dicom_facts, read_dicom
from cases.errors import MediaError
from cases.media_types import is_dicom, is_nifti
from cases.volume import read_slice, volume_facts
from cases.windows import WINDOW_PRESETS, Window

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 100_000_000
"""A picture beyond it is refused before its pixels are decoded: a few kB can unfold to gigabytes."""

PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")


def load_media(path: Path, *, licence: str | None = None) -> Media:
    """A checked reference: kind, modality, region, view, day and the file's SHA-256. Raises MediaError."""
    path = Path(path)
    if not path.is_file():
        raise MediaError("file not found", where=str(path), remedy="check the path")
    if path.stat().st_size == 0:
        raise MediaError("the file is empty", where=str(path), remedy="copy it again")
    sha256 = file_sha256(path)
    if is_dicom(path):
        facts = dicom_facts(path)
        return Media(
            kind=facts.kind,
            uri=str(path),
            sha256=sha256,
            modality=facts.modality,
            body_region=facts.body_region.lower() if facts.body_region else None,
            view=facts.view,
            acquired=facts.acquired,
            licence=licence,
        )
    if is_nifti(path):
        volume_facts(path)
        return Media(kind=MediaKind.VOLUME, uri=str(path), sha256=sha256, licence=licence)
    _open_picture(path).close()
    return Media(uri=str(path), sha256=sha256, licence=licence)


def read_image(media: Media, *, window: Window = None, slice_index: int | None = None) -> "Image.Image":
    """The medium as an image: mode "L" where it is grey, else "RGB".

    `window` is a preset name or (centre, width) for DICOM and NIfTI. `slice_index` counts DICOM frames or axial NIfTI
    slices from 0; None takes the middle one. Raises MediaError with a remedy for whatever cannot be shown.
    """
    path = media.path
    if not path.is_file():
        raise MediaError("file not found", where=str(path), remedy="check the path in the record")
    if is_dicom(path):
        return read_dicom(path, window=window, frame=slice_index)
    if is_nifti(path):
        return read_slice(path, index=slice_index, window=window)
    return _read_picture(path, slice_index)


def slice_count(media: Media) -> int:
    """How many slices or frames `read_image` can show."""
    path = media.path
    if is_dicom(path):
        return dicom_facts(path).frames
    if is_nifti(path):
        return volume_facts(path).shape[2]
    with _open_picture(path) as image:
        return int(getattr(image, "n_frames", 1))


def media_modality(path: Path) -> str | None:
    """The modality that the file itself states (DICOM), or None: a picture does not say what it shows."""
    return dicom_facts(Path(path)).modality if is_dicom(Path(path)) else None


def data_url(image: "Image.Image", max_pixels: int = 262_144) -> str:
    """The image as a base64 data URL, shrunk to `max_pixels` (512 x 512 by default); JPEG 90, small ones PNG."""
    image = shrink(image if image.mode in ("L", "RGB") else image.convert("RGB"), max_pixels)
    is_small = image.width * image.height <= 128 * 128
    file = io.BytesIO()
    image.save(file, "PNG") if is_small else image.save(file, "JPEG", quality=90)
    kind = "png" if is_small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def shrink(image: "Image.Image", max_pixels: int) -> "Image.Image":
    """The image with at most `max_pixels` pixels and its shape kept; never enlarged."""
    from PIL import Image

    pixels = image.width * image.height
    if pixels <= max_pixels:
        return image
    scale = (max_pixels / pixels) ** 0.5
    size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_picture(path: Path) -> "Image.Image":
    """An opened picture, its size checked, its pixels not yet read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=PICTURE_FORMATS)
    except UnidentifiedImageError as error:
        remedy = f"give {', '.join(PICTURE_FORMATS)}, DICOM or NIfTI"
        raise MediaError("not a picture in a known format, or broken", where=str(path), remedy=remedy) from error
    except Image.DecompressionBombError as error:
        raise _bomb(path, "too many pixels") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise _broken_picture(path, error) from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise _bomb(path, f"{image.width} x {image.height} pixels")
    return image


def _read_picture(path: Path, frame: int | None) -> "Image.Image":
    from PIL import Image, ImageOps

    with _open_picture(path) as image:
        frames = int(getattr(image, "n_frames", 1))
        if frame is not None and not 0 <= frame < frames:
            raise MediaError(f"no frame {frame}", where=str(path), remedy=f"the file has frames 0 to {frames - 1}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                if frames > 1:
                    image.seek(frame or 0)
                image.load()
            return _grey_or_rgb(ImageOps.exif_transpose(image))
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise _broken_picture(path, error) from error


def _grey_or_rgb(image: "Image.Image") -> "Image.Image":
    """Sixteen-bit grey is stretched over its own range; transparency is laid on black."""
    import numpy as np
    from PIL import Image

    from cases.windows import to_grey

    if image.mode in ("L", "RGB"):
        return image.copy()
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(to_grey(np.asarray(image), None), "L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        ground.alpha_composite(rgba)
        flat = ground.convert("RGB")
        return flat.convert("L") if image.mode == "LA" else flat
    return image.convert("RGB")


def _bomb(path: Path, what: str) -> MediaError:
    return MediaError(f"the picture is too large: {what}", where=str(path), remedy=f"at most {MAX_PIXELS:,} pixels")


def _broken_picture(path: Path, error: Exception) -> MediaError:
    remedy = "check that the file was copied whole, or export it again"
    return MediaError(f"the picture is broken or cut off ({type(error).__name__})", where=str(path), remedy=remedy)


__all__ = [
    "WINDOW_PRESETS",
    "data_url",
    "file_sha256",
    "load_media",
    "media_modality",
    "read_image",
    "shrink",
    "slice_count",
]
