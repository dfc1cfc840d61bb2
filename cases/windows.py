"""Window centre and width: how a range of stored values becomes the grey of a display."""

from typing import TYPE_CHECKING

from cases.errors import MediaError

if TYPE_CHECKING:
    import numpy as np

WINDOW_PRESETS: dict[str, tuple[float, float]] = {
    "lung": (-600.0, 1500.0),
    "mediastinum": (50.0, 350.0),
    "soft tissue": (40.0, 400.0),
    "abdomen": (60.0, 400.0),
    "liver": (30.0, 150.0),
    "bone": (400.0, 1800.0),
    "brain": (40.0, 80.0),
    "stroke": (40.0, 40.0),
    "subdural": (75.0, 215.0),
    "angiography": (300.0, 600.0),
}
"""Centre and width in Hounsfield units, as commonly used in CT reading."""

Window = str | tuple[float, float] | None


def window_of(window: Window, where: str = "") -> tuple[float, float] | None:
    """Centre and width of a preset name or a pair. Raises MediaError for an unknown name or a width below 1."""
    if window is None:
        return None
    if isinstance(window, str):
        name = window.lower().replace("_", " ").replace("-", " ").strip()
        if name not in WINDOW_PRESETS:
            remedy = f"use one of {', '.join(WINDOW_PRESETS)}, or (centre, width)"
            raise MediaError(f"unknown window {window!r}", where=where or None, remedy=remedy)
        return WINDOW_PRESETS[name]
    centre, width = float(window[0]), float(window[1])
    if not width >= 1:
        raise MediaError(f"window width {width} is below 1", where=where or None, remedy="give a width of at least 1")
    return centre, width


def to_grey(values: "np.ndarray", window: tuple[float, float] | None, function: str = "LINEAR") -> "np.ndarray":
    """Values of any range as uint8. Without a window the 0.5th to 99.5th percentile fills the range.

    Formulas of DICOM PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID) and C.11.2.1.3.2 (LINEAR_EXACT).
    """
    import numpy as np

    values = np.nan_to_num(np.asarray(values, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if window is None:
        low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
        if high <= low:
            low, high = float(values.min()), float(values.max())
        shade = (values - low) / (high - low) if high > low else np.zeros_like(values)
    elif function == "SIGMOID":
        shade = 1 / (1 + np.exp(-4 * (values - window[0]) / window[1]))
    elif function == "LINEAR_EXACT" or window[1] <= 1:
        shade = (values - window[0]) / window[1] + 0.5
    else:
        shade = (values - (window[0] - 0.5)) / (window[1] - 1) + 0.5
    return (np.clip(shade, 0, 1) * 255 + 0.5).astype(np.uint8)
