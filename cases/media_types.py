"""What kind of medium a file is, by its name and its first bytes."""

from pathlib import Path

from cases.case import MediaKind

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ".ima"})
NIFTI_SUFFIXES = (".nii", ".nii.gz")


def is_nifti(path: Path) -> bool:
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def is_dicom(path: Path) -> bool:
    """By suffix, or by the DICM mark at byte 128 of a file that has no other known suffix."""
    suffix = path.suffix.lower()
    if suffix in DICOM_SUFFIXES:
        return True
    if suffix in PICTURE_SUFFIXES or is_nifti(path) or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def is_medium(path: Path) -> bool:
    """Whether this room can read the file as an image or a volume."""
    return path.suffix.lower() in PICTURE_SUFFIXES or is_nifti(path) or is_dicom(path)


def kind_of_path(path: Path) -> MediaKind:
    """By name alone: a NIfTI file is a volume, anything else an image until it is read."""
    return MediaKind.VOLUME if is_nifti(path) else MediaKind.IMAGE
