"""De-identification of DICOM files: headers by DICOM PS3.15 Annex E, burned-in text flagged and not removed.

At least as strict as the Basic Application Level Confidentiality Profile with the options Retain Patient
Characteristics (age capped at 90, sex, size, weight): free text, names, dates, times and codes of people, places and
equipment are not looked up in a list of what to remove; whatever is not on the list of what may stay goes.
"""

import hashlib
import secrets
from pathlib import Path
from typing import Any

from cases.case import Record
from cases.dicom import read_dataset
from cases.errors import MediaError
from cases.identifiers import word_list

_TEXT_VRS = frozenset(["LO", "SH", "ST", "LT", "UT", "UC", "UR", "AE", "AS", "PN"])
_TIME_VRS = frozenset(["DA", "TM", "DT"])
_BLOB_VRS = frozenset(["OB", "OW", "OD", "OF", "OL", "OV", "UN", "OB or OW"])
_KEPT_BLOBS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData", "LUTData")
_EMPTIED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
    "ContentDate",
    "ContentTime",
)
"""Elements that an image object must have: emptied instead of removed."""

_NO_PICTURES = frozenset(
    [
        "SR",
        "DOC",
        "KO",
        "PR",
        "PLAN",
        "RTSTRUCT",
        "RTPLAN",
        "RTRECORD",
        "ECG",
        "HD",
        "EPS",
        "RESP",
        "AU",
    ]
)
_RISKY_MODALITIES = frozenset(["US", "SC", "OT", "XC", "ES", "ECG", "GM", "SM", "OP", "PX"])
_CANNOT = (
    "text burned into the pixels is reported and not removed",
    "a face can be reconstructed from a thin-sliced head CT or MR; no defacing is done",
)
_RUN_SALT = secrets.token_bytes(16)


class DeidentifiedDicom(Record):
    """What was done to one file. `warnings` are for a person to look at before the file leaves the house."""

    source: str
    path: str
    removed: tuple[str, ...] = ()
    """Keywords (or tags) of removed and emptied elements; their values are not kept."""
    remapped_uids: int = 0
    is_burned_in_suspected: bool = False
    warnings: tuple[str, ...] = ()


def deidentify_dicom(src: Path, dst: Path, *, salt: bytes | None = None) -> DeidentifiedDicom:
    """Write a de-identified copy of `src` to `dst`.

    UIDs and the patient's id are replaced by keyed hashes: files de-identified with the same `salt` keep their
    relations. None takes a salt that lives as long as this process, so that nobody can compute the mapping later.
    Raises MediaError for files that are no DICOM, or that hold a document instead of a picture: their text cannot be
    cleaned by a profile.
    """
    src, dst = Path(src), Path(dst)
    dataset = read_dataset(src)
    modality = str(dataset.get("Modality") or "")
    if modality in _NO_PICTURES or "EncapsulatedDocument" in dataset or not dataset.get("Rows"):
        remedy = "de-identify its text with deidentify_text, or leave it out"
        raise MediaError(
            f"a DICOM object without a picture ({modality or 'no modality'})", where=str(src), remedy=remedy
        )
    if src.resolve() == dst.resolve():
        raise MediaError("source and target are the same file", where=str(src), remedy="write to another path")
    warnings, is_suspected = _burned_in(dataset, src)
    log = _Log(salt or _RUN_SALT)
    patient = str(dataset.get("PatientID") or "")
    _clean(dataset, log)
    _empty_required(dataset, log)
    dataset.PatientID = log.pseudonym(patient) if patient else ""
    _mark(dataset)
    _clean_meta(dataset)
    dst.parent.mkdir(parents=True, exist_ok=True)
    try:
        dataset.save_as(dst, enforce_file_format=True)
    except (ValueError, AttributeError, KeyError, TypeError, NotImplementedError) as error:
        dst.unlink(missing_ok=True)
        remedy = "the file breaks the standard in a way that cannot be kept; convert it first"
        raise MediaError(f"cannot be written again ({type(error).__name__})", where=str(src), remedy=remedy) from error
    return DeidentifiedDicom(
        source=str(src),
        path=str(dst),
        removed=tuple(sorted(log.removed)),
        remapped_uids=len(log.uids),
        is_burned_in_suspected=is_suspected,
        warnings=(*warnings, *_CANNOT),
    )


class _Log:
    """What one run removed, and the UIDs it replaced."""

    def __init__(self, salt: bytes):
        self.salt = salt
        self.removed: set[str] = set()
        self.uids: dict[str, str] = {}

    def uid(self, old: str) -> str:
        """The replacement of a UID: 2.25 and a 122-bit keyed hash, valid by PS3.5 B.2."""
        if old not in self.uids:
            digest = hashlib.blake2b(old.encode(), key=self.salt, digest_size=16).digest()
            self.uids[old] = f"2.25.{int.from_bytes(digest) >> 6}"
        return self.uids[old]

    def pseudonym(self, patient_id: str) -> str:
        """One code per patient and salt, so that the files of a patient stay together."""
        return "P" + hashlib.blake2b(patient_id.encode(), key=self.salt, digest_size=6).hexdigest().upper()


def _clean(dataset: Any, log: _Log) -> None:
    """Remove in place whatever may identify, in this dataset and in every sequence that stays."""
    for element in list(dataset):
        keyword = element.keyword or str(element.tag)
        if _must_go(element):
            del dataset[element.tag]
            log.removed.add(keyword)
        elif element.VR == "SQ":
            for item in element.value:
                _clean(item, log)
        elif element.VR == "UI":
            element.value = _mapped(element.value, log)
        elif keyword == "PatientAge":
            element.value = _capped_age(str(element.value or ""))


def _must_go(element: Any) -> bool:
    tag, keyword = element.tag, element.keyword
    if tag.is_private or (not keyword and element.VR != "UI"):
        return True
    if 0x5000 <= tag.group <= 0x50FF or 0x6000 <= tag.group <= 0x60FF or tag.group in (0x4000, 0x4008, 0x0400, 0xFFFA):
        return True
    if element.VR in _TIME_VRS:
        return True
    if element.VR in _TEXT_VRS:
        return keyword not in word_list("dicom_kept_text")
    if element.VR in _BLOB_VRS:
        return not (keyword in _KEPT_BLOBS or keyword.endswith("PaletteColorLookupTableData"))
    return element.VR == "SQ" and keyword in word_list("dicom_removed_sequences")


def _mapped(value: Any, log: _Log) -> Any:
    """UIDs of the standard (1.2.840.10008 ...) stay: they name classes and syntaxes, not instances."""
    if value is None or value == "":
        return value
    if isinstance(value, str):
        return value if value.startswith("1.2.840.10008.") else log.uid(str(value))
    return [_mapped(str(part), log) for part in value]


def _capped_age(age: str) -> str:
    """091Y and above become 090Y (Safe Harbor: ages over 89 in one class)."""
    return "090Y" if age[-1:] == "Y" and age[:-1].isdigit() and int(age[:-1]) > 89 else age


def _empty_required(dataset: Any, log: _Log) -> None:
    for keyword in _EMPTIED:
        if keyword in log.removed:
            setattr(dataset, keyword, "")


def _mark(dataset: Any) -> None:
    """PS3.15 E.1.1: say that identity was removed, and by which profile (codes of CID 7050)."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    codes = []
    for value, meaning in (
        ("113100", "Basic Application Confidentiality Profile"),
        ("113108", "Retain Patient Characteristics Option"),
    ):
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
        codes.append(code)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "wardround: PS3.15 basic profile"
    dataset.DeidentificationMethodCodeSequence = Sequence(codes)
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def _clean_meta(dataset: Any) -> None:
    """The file meta group and the 128 bytes before it: only what a reader needs."""
    from pydicom.dataset import FileMetaDataset

    old, new = dataset.file_meta, FileMetaDataset()
    new.TransferSyntaxUID = old.TransferSyntaxUID
    new.MediaStorageSOPClassUID = dataset.SOPClassUID if "SOPClassUID" in dataset else old.MediaStorageSOPClassUID
    new.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta = new
    dataset.preamble = b"\0" * 128


def _burned_in(dataset: Any, src: Path) -> tuple[list[str], bool]:
    """Reasons to suspect text in the pixels: the header's word, the modality, or a device known to burn text in."""
    reasons = []
    stated = str(dataset.get("BurnedInAnnotation") or "").upper()
    if stated == "YES":
        reasons.append("the header says that text is burned into the pixels (BurnedInAnnotation YES)")
    modality = str(dataset.get("Modality") or "")
    if stated != "NO" and modality in _RISKY_MODALITIES:
        reasons.append(f"{modality} images often carry burned-in names and dates")
    image_type = "\\".join(dataset.get("ImageType") or [])
    if "SCREEN" in image_type.upper() or "SECONDARY" in image_type.upper():
        reasons.append("a secondary capture or screen save")
    reasons += _known_device(dataset)
    return [f"{reason}: look at {src.name} before releasing it" for reason in reasons], bool(reasons)


def _known_device(dataset: Any) -> list[str]:
    """Devices whose screens carry text, by the recipes of the `deid` library."""
    import logging

    logging.getLogger("deid").setLevel(logging.ERROR)
    from deid.config import DeidRecipe
    from deid.dicom import has_burned_pixels

    found = has_burned_pixels(dataset, deid=DeidRecipe("dicom"))
    if not found["flagged"]:
        return []
    areas = [place for result in found["results"] for _, place in result["coordinates"]]
    return [f"a device known to burn text in (pixels {'; '.join(areas)})" if areas else "flagged by the deid recipes"]
