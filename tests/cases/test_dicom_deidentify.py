import copy
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from cases.deidentify import deidentify_dicom
from cases.dicom import read_dicom
from cases.errors import MediaError

warnings.filterwarnings("ignore", module="pydicom")
SECRET = "Xanthippe"

IDENTIFYING = """
PatientName OtherPatientNames ReferringPhysicianName OperatorsName PerformingPhysicianName
PatientMotherBirthName NameOfPhysiciansReadingStudy RequestingPhysician ScheduledPerformingPhysicianName
PatientBirthName ResponsiblePerson PatientID InstitutionName InstitutionalDepartmentName PatientAddress
StudyDescription SeriesDescription ProtocolName DeviceSerialNumber IssuerOfPatientID PatientTelephoneNumbers
PatientReligiousPreference CurrentPatientLocation RequestedProcedureDescription AdmissionID MedicalAlerts
Allergies Occupation AccessionNumber StationName StudyID PerformedProcedureStepID ScheduledProcedureStepID
RequestedProcedureID EthnicGroup PatientComments AdditionalPatientHistory AcquisitionComments
IdentifyingComments InstitutionAddress DerivationDescription ImageComments RequestedProcedureComments
StationAETitle RetrieveAETitle
"""
DATES = """
PatientBirthDate StudyDate SeriesDate AcquisitionDate ContentDate AdmittingDate LastMenstrualDate
InstanceCreationDate
"""
KEPT = """
Modality PixelSpacing SliceThickness RescaleSlope RescaleIntercept Rows Columns ImagePositionPatient
ImageOrientationPatient Manufacturer KVP PatientSex PatientWeight
"""


def planted(tmp_path):
    """CT_small with the secret in every identifying element, in a sequence, a private block and the preamble."""
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    for keyword in IDENTIFYING.split():
        assert pydicom.datadict.tag_for_keyword(keyword), keyword
        setattr(dataset, keyword, SECRET)
    for keyword in DATES.split():
        setattr(dataset, keyword, "19470817")
    dataset.StudyTime = "112233"
    dataset.PatientAge, dataset.PatientSex, dataset.PatientWeight = "093Y", "F", "61"
    inner = Dataset()
    inner.PatientName, inner.ReferencedSOPInstanceUID = SECRET, generate_uid()
    inner.CodeMeaning, inner.CodeValue, inner.CodingSchemeDesignator = "Chest", "51185008", "SCT"
    dataset.AnatomicRegionSequence = Sequence([inner])
    dataset.RequestAttributesSequence = Sequence([copy.deepcopy(inner)])
    block = dataset.private_block(0x0011, "ACME", create=True)
    block.add_new(0x01, "LO", SECRET)
    dataset.add_new(0x60000010, "US", 4)
    dataset.add_new(0x60004000, "LT", SECRET)
    dataset.preamble = SECRET.encode().ljust(128, b"\0")
    dataset.file_meta.SourceApplicationEntityTitle = SECRET
    path = tmp_path / "in.dcm"
    dataset.save_as(path)
    assert path.read_bytes().count(SECRET.encode()) > 30
    return path


def test_no_planted_identifier_is_left_anywhere_in_the_file(tmp_path):
    source = planted(tmp_path)
    report = deidentify_dicom(source, tmp_path / "out.dcm")
    written = (tmp_path / "out.dcm").read_bytes()
    assert SECRET.encode() not in written
    assert b"19470817" not in written
    assert b"112233" not in written
    assert {"PatientName", "StudyDate", "InstitutionName", "RequestAttributesSequence"} <= set(report.removed)
    assert SECRET not in report.model_dump_json()


def test_the_picture_and_what_is_needed_to_read_it_stay(tmp_path):
    source = planted(tmp_path)
    deidentify_dicom(source, tmp_path / "out.dcm")
    before, after = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "out.dcm")
    for keyword in KEPT.split():
        assert after[keyword].value == before[keyword].value, keyword
    assert after.PatientAge == "090Y"
    assert after.AnatomicRegionSequence[0].CodeMeaning == "Chest"
    assert np.array_equal(np.asarray(read_dicom(source)), np.asarray(read_dicom(tmp_path / "out.dcm")))
    assert (after.PatientIdentityRemoved, after.LongitudinalTemporalInformationModified) == ("YES", "REMOVED")
    assert after.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert not [element for element in after.iterall() if element.tag.is_private]


def test_uids_change_together_and_those_of_the_standard_stay(tmp_path):
    source = planted(tmp_path)
    other = tmp_path / "in2.dcm"
    dataset = pydicom.dcmread(source)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(other)
    deidentify_dicom(source, tmp_path / "a.dcm", salt=b"one")
    deidentify_dicom(other, tmp_path / "b.dcm", salt=b"one")
    deidentify_dicom(source, tmp_path / "c.dcm", salt=b"two")
    original, a, b, c = (pydicom.dcmread(path) for path in (source, *(tmp_path / f"{name}.dcm" for name in "abc")))
    assert a.StudyInstanceUID == b.StudyInstanceUID != original.StudyInstanceUID
    assert a.SOPInstanceUID != b.SOPInstanceUID
    assert a.StudyInstanceUID != c.StudyInstanceUID
    assert a.PatientID == b.PatientID not in (c.PatientID, "", SECRET)
    assert a.SOPClassUID == original.SOPClassUID
    assert a.file_meta.MediaStorageSOPInstanceUID == a.SOPInstanceUID
    assert all(uid.is_valid for uid in (a.StudyInstanceUID, a.SOPInstanceUID))


def test_without_a_salt_one_process_keeps_relations(tmp_path):
    source = planted(tmp_path)
    deidentify_dicom(source, tmp_path / "a.dcm")
    deidentify_dicom(source, tmp_path / "b.dcm")
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()


@pytest.mark.parametrize(
    ("name", "is_suspected"),
    [("CT_small.dcm", False), ("examples_rgb_color.dcm", True), ("examples_palette.dcm", True), ("MR_small.dcm", True)],
)
def test_burned_in_text_is_suspected_where_it_is_usual(tmp_path, name, is_suspected):
    report = deidentify_dicom(get_testdata_file(name, download=False), tmp_path / "o.dcm")
    assert report.is_burned_in_suspected is is_suspected
    assert any("not removed" in warning for warning in report.warnings)


def test_a_header_that_admits_burned_in_text_is_believed(tmp_path):
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    dataset.BurnedInAnnotation = "YES"
    dataset.save_as(tmp_path / "in.dcm")
    report = deidentify_dicom(tmp_path / "in.dcm", tmp_path / "o.dcm")
    assert "BurnedInAnnotation YES" in report.warnings[0]


@pytest.mark.parametrize("name", ["test-SR.dcm", "waveform_ecg.dcm", "rtplan.dcm"])
def test_documents_are_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(MediaError, match="without a picture") as caught:
        deidentify_dicom(get_testdata_file(name, download=False), tmp_path / "o.dcm")
    assert caught.value.remedy
    assert not (tmp_path / "o.dcm").exists()


def test_a_file_is_never_overwritten_by_its_own_copy(tmp_path):
    source = planted(tmp_path)
    with pytest.raises(MediaError, match="same file"):
        deidentify_dicom(source, source)
