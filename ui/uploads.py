"""Files a visitor gives: which are taken, how many, how large, and what they are by their content."""

from collections.abc import Sequence
from pathlib import Path

from cases.case import Media
from cases.errors import MediaError, WardroundError

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".nii", ".gz")
MAX_FILES = 8
MAX_BYTES = 64 * 1024 * 1024
_NAMES = "PNG, JPEG, DICOM (.dcm) or NIfTI (.nii, .nii.gz)"
THUMBNAIL_PIXELS = 262_144


def accept(paths: Sequence[str]) -> tuple[Media, ...]:
    """Read each file's head and make records. Raises MediaError naming the file and what is taken."""
    from cases.media import load_media

    if len(paths) > MAX_FILES:
        raise MediaError(f"{len(paths)} files", remedy=f"give at most {MAX_FILES}")
    media = []
    for path in map(Path, paths):
        name = path.name.lower()
        if not name.endswith(SUFFIXES) or (name.endswith(".gz") and not name.endswith(".nii.gz")):
            raise MediaError("this kind of file is not read", where=path.name, remedy=f"give {_NAMES}")
        if path.stat().st_size > MAX_BYTES:
            raise MediaError("the file is too large", where=path.name, remedy=f"at most {MAX_BYTES // 2**20} MiB")
        media.append(load_media(path))
    return tuple(media)


def picture(media: Media) -> str | None:
    """A data URL for the page, or None where the file cannot be shown (the caller says so in words)."""
    from cases.media import data_url, read_image

    try:
        return data_url(read_image(media), THUMBNAIL_PIXELS)
    except (WardroundError, OSError):
        return None
