"""DICOM files: facts from the header, and one frame as a displayable image."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases.case import MediaKind
from cases.errors import MediaError
from cases.windows import Window, to_grey, window_of

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

MAX_FRAME_PIXELS = 100_000_000
MAX_FILE_BYTES = 4 * 1024**3
_CINE = ("US", "XA", "RF", "ES", "IVUS", "OCT")
_WHOLE = "check that the file was copied whole, or export it again"


@dataclass(frozen=True)
class DicomFacts:
    """What the header tells of the picture: nothing here identifies a person."""

    kind: MediaKind
    modality: str | None
    body_region: str | None
    view: str | None
    acquired: date | None
    rows: int
    columns: int
    frames: int
    spacing_mm: tuple[float, float] | None
    is_colour: bool
    burned_in: str | None
    """YES, NO, or None where the header does not say whether text is burned into the pixels."""


def dicom_facts(path: Path) -> DicomFacts:
    """Facts of a DICOM file from its header. Raises MediaError when it is none, or carries no image."""
    dataset = read_dataset(path, with_pixels=False)
    if dataset.get("WaveformSequence") is not None:
        return _facts(dataset, MediaKind.WAVEFORM)
    if not dataset.get("Rows") or not dataset.get("Columns"):
        raise _no_pixels(path, dataset)
    frames = _frames(dataset)
    if frames == 1:
        kind = MediaKind.IMAGE
    else:
        kind = MediaKind.VIDEO if dataset.get("Modality") in _CINE else MediaKind.VOLUME
    return _facts(dataset, kind)


def read_dicom(path: Path, *, window: Window = None, frame: int | None = None) -> "Image.Image":
    """One frame as a grey ("L") or colour ("RGB") image, displayed as the header asks.

    Rescale slope and intercept, VOI window or LUT, MONOCHROME1, palettes and YBR colour are applied. `window` is a
    preset of `WINDOW_PRESETS` (CT only) or (centre, width) in rescaled units, and replaces the header's own. `frame`
    counts from 0; None takes the middle one.
    """
    from PIL import Image

    dataset = read_dataset(path)
    if "PixelData" not in dataset and "FloatPixelData" not in dataset and "DoubleFloatPixelData" not in dataset:
        raise _no_pixels(path, dataset)
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if rows * columns > MAX_FRAME_PIXELS:
        remedy = f"a frame may have {MAX_FRAME_PIXELS:,} pixels"
        raise MediaError(f"a frame of {columns} x {rows} pixels is too large", where=str(path), remedy=remedy)
    frames = _frames(dataset)
    index = frames // 2 if frame is None else frame
    if not 0 <= index < frames:
        raise MediaError(f"no frame {index}", where=str(path), remedy=f"the file has frames 0 to {frames - 1}")
    pixels = _pixels(dataset, index, path)
    if pixels.ndim == 3:
        return Image.fromarray(_as_bytes(pixels, dataset), "RGB")
    return Image.fromarray(_displayed(pixels, dataset, window, path), "L")


def read_dataset(path: Path, *, with_pixels: bool = True) -> Any:
    """A pydicom dataset. Raises MediaError for a file that is missing, no DICOM, or broken off in the header."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not path.is_file():
        raise MediaError("file not found", where=str(path), remedy="check the path")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise MediaError("the file is larger than 4 GB", where=str(path), remedy="split the series into files")
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=not with_pixels)
        dataset.get("Modality")
    except InvalidDicomError as error:
        if (bare := _without_preamble(path, with_pixels)) is not None:
            return bare
        remedy = "the DICM mark is missing: this is another format, or a header that was stripped"
        raise MediaError("not a DICOM file", where=str(path), remedy=remedy) from error
    except (EOFError, OSError, ValueError, KeyError, AttributeError, NotImplementedError, TypeError) as error:
        raise MediaError(f"broken DICOM header ({type(error).__name__})", where=str(path), remedy=_WHOLE) from error
    return dataset


def _without_preamble(path: Path, with_pixels: bool) -> Any | None:
    """The dataset of a file that lacks the DICM mark but is a DICOM object all the same; else None."""
    import pydicom
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    try:
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=not with_pixels)
        if not str(dataset.get("SOPClassUID") or "").startswith("1.2.840.10008."):
            return None
        is_implicit, is_little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit
    except (EOFError, OSError, ValueError, KeyError, AttributeError, NotImplementedError, TypeError):
        return None
    return dataset


def _facts(dataset: Any, kind: MediaKind) -> DicomFacts:
    spacing = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    return DicomFacts(
        kind=kind,
        modality=_word(dataset, "Modality"),
        body_region=_word(dataset, "BodyPartExamined"),
        view=_word(dataset, "ViewPosition"),
        acquired=_day(dataset),
        rows=int(dataset.get("Rows") or 0),
        columns=int(dataset.get("Columns") or 0),
        frames=_frames(dataset),
        spacing_mm=(float(spacing[0]), float(spacing[1])) if spacing and len(spacing) == 2 else None,
        is_colour=int(dataset.get("SamplesPerPixel") or 1) > 1
        or dataset.get("PhotometricInterpretation") == "PALETTE COLOR",
        burned_in=_word(dataset, "BurnedInAnnotation"),
    )


def _frames(dataset: Any) -> int:
    try:
        return max(1, int(dataset.get("NumberOfFrames") or 1))
    except (TypeError, ValueError):
        return 1


def _word(dataset: Any, keyword: str) -> str | None:
    value = dataset.get(keyword)
    return str(value).strip() or None if value is not None else None


def _day(dataset: Any) -> date | None:
    for keyword in ("AcquisitionDate", "ContentDate", "StudyDate"):
        text = str(dataset.get(keyword) or "")[:8]
        try:
            return datetime.strptime(text, "%Y%m%d").date()
        except ValueError:
            continue
    return None


def _no_pixels(path: Path, dataset: Any) -> MediaError:
    modality = _word(dataset, "Modality") or "unknown"
    remedy = "give the image objects of the study; reports, plans, structures and waveforms carry none"
    return MediaError(f"this DICOM object (modality {modality}) has no pixels", where=str(path), remedy=remedy)


def _pixels(dataset: Any, index: int, path: Path) -> "np.ndarray":
    """One decoded frame: [rows, columns] or, in RGB, [rows, columns, 3]."""
    from pydicom.pixels import apply_color_lut, pixel_array

    try:
        if "PixelData" in dataset:
            pixels = pixel_array(dataset, index=index)
        else:
            pixels = dataset.pixel_array
            pixels = pixels[index] if _frames(dataset) > 1 else pixels
        if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, dataset)
    except (RuntimeError, NotImplementedError) as error:
        syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
        name = getattr(syntax, "name", "unknown")
        remedy = f"transfer syntax {name}: install pylibjpeg or python-gdcm, or decompress the file; {_WHOLE}"
        raise MediaError("the pixel data cannot be decoded", where=str(path), remedy=remedy) from error
    except (ValueError, EOFError, AttributeError, KeyError, IndexError, TypeError, OSError) as error:
        raise MediaError(f"broken pixel data ({type(error).__name__})", where=str(path), remedy=_WHOLE) from error
    return pixels


def _as_bytes(pixels: "np.ndarray", dataset: Any) -> "np.ndarray":
    import numpy as np

    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels[..., :3])
    bits = 16 if dataset.get("PhotometricInterpretation") == "PALETTE COLOR" else int(dataset.get("BitsStored") or 16)
    return (pixels[..., :3].astype(np.float64) * 255 / (2**bits - 1)).round().clip(0, 255).astype(np.uint8)


def _displayed(pixels: "np.ndarray", dataset: Any, window: Window, path: Path) -> "np.ndarray":
    """The grey-scale pipeline of PS3.3: modality transformation, VOI transformation, presentation."""
    import numpy as np
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    if isinstance(window, str) and dataset.get("Modality") not in ("CT", None):
        remedy = "presets are in Hounsfield units; give (centre, width) for other modalities"
        raise MediaError(
            f"the preset {window!r} means nothing for {dataset.get('Modality')}", where=str(path), remedy=remedy
        )
    chosen = window_of(window, str(path))
    values = np.asarray(apply_modality_lut(pixels, dataset), dtype=np.float64)
    values = _without_padding(values, pixels, dataset)
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    if chosen is None and dataset.get("VOILUTSequence"):
        grey = to_grey(apply_voi_lut(pixels, dataset), None)
    else:
        grey = to_grey(values, chosen or _own_window(dataset), "LINEAR" if chosen else function)
    return 255 - grey if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else grey


def _own_window(dataset: Any) -> tuple[float, float] | None:
    """The first window of the header, if it is a sensible one."""
    centre, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    try:
        first = [
            float(value[0]) if hasattr(value, "__len__") and not isinstance(value, str) else float(value)
            for value in (centre, width)
        ]
    except (TypeError, ValueError, IndexError):
        return None
    return (first[0], first[1]) if first[1] >= 1 else None


def _without_padding(values: "np.ndarray", pixels: "np.ndarray", dataset: Any) -> "np.ndarray":
    """Padding pixels take the darkest real value, so that they do not stretch the range."""
    padding = dataset.get("PixelPaddingValue")
    if not isinstance(padding, int):
        return values
    is_padding = pixels == padding
    if is_padding.any() and not is_padding.all():
        values = values.copy()
        values[is_padding] = values[~is_padding].min()
    return values
