"""The gate at intake: may this image be read as what it claims to be?

It trusts a DICOM tag about the modality and the pixels about colour and quality. A colour photograph never passes as
CT, X-ray, MR or another grey-scale modality. It cannot tell a grey copy of a photograph from a radiograph.
"""

import re
from typing import TYPE_CHECKING

from cases.case import Media, MediaKind, Record
from cases.dicom import dicom_facts
from cases.media import media_modality, read_image
from cases.media_types import is_dicom

if TYPE_CHECKING:
    from PIL import Image

MIN_SIDE = 64
"""Pixels of the shorter side below which nothing can be read."""

GREY_FAMILIES = frozenset({"x-ray", "ct", "mr", "mammography", "nuclear", "angiography", "oct"})
COLOUR_FAMILIES = frozenset({"fundus", "microscopy", "photograph", "endoscopy", "dermoscopy"})

_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"^(?:ct|cta)\b|computed tomography", "ct"),
    (r"^(?:mr|mri|mra)\b|magnetic resonance|\bmr[ai]?\b", "mr"),
    (r"^mg\b|mammogra|tomosynthesis", "mammography"),
    (r"^(?:cr|dx|dr|rg|px|io|cxr)\b|x-?\s?ray|radiograph", "x-ray"),
    (r"^(?:us|ivus)\b|ultraso|sonogra|echocardio|doppler", "ultrasound"),
    (r"^(?:nm|pt|pet|spect)\b|scintigra|nuclear|positron", "nuclear"),
    (r"^(?:xa|rf|dsa)\b|angiogra|fluorosc", "angiography"),
    (r"^(?:oct|opt)\b|coherence tomography", "oct"),
    (r"^op\b|fundus|retina|ophthalmic photo", "fundus"),
    (r"^(?:sm|gm)\b|microscop|histolog|patholog|smear|slide", "microscopy"),
    (r"^dms\b|dermosco|dermatosco", "dermoscopy"),
    (r"^es\b|endosco|colonosco|laparosco", "endoscopy"),
    (r"^xc\b|photo|camera|picture", "photograph"),
    (r"\bct\b", "ct"),
)


class GateReport(Record):
    """What the gate saw. `reasons` is empty exactly when the image is accepted."""

    is_accepted: bool
    family: str | None = None
    """x-ray, ct, mr, ultrasound, fundus, microscopy ...; None where nothing states it."""
    is_colour: bool = False
    width: int = 0
    height: int = 0
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def family_of(modality: str | None) -> str | None:
    """The family of a modality given as a DICOM code or in words ("CR", "CT w/contrast", "Chest X-ray")."""
    if not modality:
        return None
    text = modality.strip().lower()
    return next((family for pattern, family in _FAMILIES if re.search(pattern, text)), None)


def check_medium(media: Media, *, expected: str | None = None, image: "Image.Image | None" = None) -> GateReport:
    """Judge one medium. `expected` is the modality that a tool needs; the medium's own claim is judged in any case.

    `image` spares reading it again. Raises MediaError when the file cannot be read at all.
    """
    if media.kind is MediaKind.WAVEFORM:
        return GateReport(is_accepted=False, reasons=("a waveform is not an image",))
    tagged = family_of(media_modality(media.path))
    claimed = tagged or family_of(media.modality)
    wanted = family_of(expected) or (expected.lower() if expected else None)
    image = image if image is not None else read_image(media)
    is_colour = colour_fraction(image) > MAX_COLOUR_IN_GREY
    reasons = list(_quality(image))
    if wanted and claimed and wanted != claimed:
        reasons.append(f"{wanted} is needed, but {'the DICOM header' if tagged else 'the record'} says {claimed}")
    for family in dict.fromkeys(name for name in (wanted, claimed) if name):
        if family in GREY_FAMILIES and is_colour:
            reasons.append(f"a colour picture cannot be {family}: this looks like a photograph or a screenshot")
    stated = family_of(media.modality)
    if tagged and stated and tagged != stated:
        reasons.append(f"the record says {stated}, but the DICOM header says {tagged}")
    return GateReport(
        is_accepted=not reasons,
        family=claimed,
        is_colour=is_colour,
        width=image.width,
        height=image.height,
        reasons=tuple(reasons),
        warnings=_warnings(media, claimed or wanted, is_colour),
    )


MAX_COLOUR_IN_GREY = 0.02
"""Share of coloured pixels that a grey-scale image may have: arrows and logos, not a picture."""


def colour_fraction(image: "Image.Image") -> float:
    """Share of pixels whose channels differ by more than 24 of 255, measured at 256 x 256."""
    import numpy as np
    from PIL import Image

    if image.mode == "L":
        return 0.0
    small = image.convert("RGB").resize((256, 256), Image.Resampling.BILINEAR)
    channels = np.asarray(small).astype(np.int16)
    return float(((channels.max(axis=2) - channels.min(axis=2)) > 24).mean())


def _quality(image: "Image.Image") -> list[str]:
    import numpy as np

    reasons = []
    if min(image.size) < MIN_SIDE:
        reasons.append(f"too small to read: {image.width} x {image.height} pixels, at least {MIN_SIDE} each way")
    values = np.asarray(image.convert("L").resize((min(image.width, 256), min(image.height, 256))), dtype=np.float32)
    if float(values.std()) < 2.0:
        reasons.append("blank: all pixels are nearly the same")
    ratio = max(image.size) / max(1, min(image.size))
    if ratio > 8:
        reasons.append(f"not the shape of a medical image: one side is {ratio:.0f} times the other")
    return reasons


def _warnings(media: Media, family: str | None, is_colour: bool) -> tuple[str, ...]:
    found = []
    if family is None:
        found.append("no modality is stated: the image is judged by its pixels alone")
    if family in COLOUR_FAMILIES and not is_colour:
        found.append(f"{family} is usually in colour, this image is grey")
    if is_dicom(media.path):
        burned_in = dicom_facts(media.path).burned_in
        if burned_in == "YES":
            found.append("the DICOM header says that text is burned into the pixels")
    if family == "ultrasound":
        found.append("ultrasound images often carry burned-in names and dates")
    return tuple(found)
