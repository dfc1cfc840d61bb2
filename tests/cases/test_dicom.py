import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from cases.case import MediaKind
from cases.dicom import dicom_facts, read_dicom
from cases.errors import MediaError
from cases.media import load_media, media_modality, read_image, slice_count
from cases.windows import WINDOW_PRESETS, to_grey, window_of

warnings.filterwarnings("ignore", module="pydicom")


def sample(name):
    return Path(get_testdata_file(name, download=False))


def write(path, pixels, **elements):
    """A CT file with the given stored values [rows, columns] or [frames, rows, columns]."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = CTImageStorage, generate_uid(), "CT"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        dataset.NumberOfFrames = pixels.shape[0]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.PixelData = pixels.astype("<i2").tobytes()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def steps():
    """Stored values whose Hounsfield units (slope 2, intercept -1000) are -1000, 0, 40 and 1000, in quarters."""
    values = np.zeros((80, 80), dtype=np.int16)
    values[:40, 40:], values[40:, :40], values[40:, 40:] = 500, 520, 1000
    return values


def corners(image):
    return tuple(image.getpixel(point) for point in ((5, 5), (70, 5), (5, 70), (70, 70)))


def test_slope_intercept_and_window_of_the_header_are_applied(tmp_path, steps):
    path = write(tmp_path / "a.dcm", steps, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=40, WindowWidth=80)
    air, water, soft, bone = corners(read_dicom(path))
    assert (air, water, bone) == (0, 1, 255) or (air, water, bone) == (0, 0, 255)
    assert 126 <= soft <= 131


def test_a_preset_replaces_the_headers_window(tmp_path, steps):
    path = write(tmp_path / "a.dcm", steps, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=40, WindowWidth=80)
    lung, bone = corners(read_dicom(path, window="lung")), corners(read_dicom(path, window=(400, 1800)))
    assert 225 <= lung[1] <= 235
    assert 0 < lung[0] < 80
    assert bone[0] == 0
    assert 60 < bone[1] < 80
    assert bone == corners(read_dicom(path, window="bone"))


def test_monochrome1_is_shown_inverted(tmp_path, steps):
    plain = read_dicom(write(tmp_path / "a.dcm", steps))
    inverted = read_dicom(write(tmp_path / "b.dcm", steps, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(np.asarray(inverted), 255 - np.asarray(plain))


def test_padding_does_not_stretch_the_range(tmp_path, steps):
    padded = steps.copy()
    padded[:10] = -20000
    image = read_dicom(write(tmp_path / "a.dcm", padded, PixelPaddingValue=-20000))
    assert image.getpixel((70, 30)) > 100
    assert image.getpixel((70, 5)) == 0


def test_frames_are_counted_and_read_by_number_and_the_middle_one_is_the_default(tmp_path):
    frames = np.stack([np.full((80, 80), shade) for shade in (0, 500, 1000)])
    frames[:, 0, 0] = 2000
    path = write(tmp_path / "a.dcm", frames, WindowCenter=1000, WindowWidth=2000)
    media = load_media(path)
    assert (media.kind, slice_count(media)) == (MediaKind.VOLUME, 3)
    shades = [read_image(media, slice_index=i).getpixel((9, 9)) for i in range(3)]
    assert shades == sorted(shades)
    assert len(set(shades)) == 3
    assert read_image(media).getpixel((9, 9)) == shades[1]
    with pytest.raises(MediaError, match="frames 0 to 2"):
        read_image(media, slice_index=3)


def test_a_file_without_preamble_is_read_all_the_same(tmp_path, steps):
    whole = write(tmp_path / "a.dcm", steps)
    dataset = pydicom.dcmread(whole)
    bare = tmp_path / "bare.dcm"
    dataset.preamble, dataset.file_meta = None, FileMetaDataset()
    dataset.save_as(bare, implicit_vr=True, little_endian=True)
    assert np.array_equal(np.asarray(read_dicom(bare)), np.asarray(read_dicom(whole)))


def test_a_dicom_file_needs_no_suffix(tmp_path, steps):
    path = write(tmp_path / "IM0001", steps)
    assert load_media(path).modality == "CT"
    assert media_modality(path) == "CT"


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [
        ("CT_small.dcm", "L", (128, 128)),
        ("MR_small.dcm", "L", (64, 64)),
        ("MR_small_RLE.dcm", "L", (64, 64)),
        ("MR_small_bigendian.dcm", "L", (64, 64)),
        ("MR_small_jp2klossless.dcm", "L", (64, 64)),
        ("examples_rgb_color.dcm", "RGB", (320, 240)),
        ("examples_palette.dcm", "RGB", (800, 350)),
        ("examples_ybr_color.dcm", "RGB", (320, 240)),
        ("SC_rgb_rle_16bit.dcm", "RGB", (100, 100)),
        ("rtdose.dcm", "L", (10, 10)),
    ],
)
def test_pydicoms_own_samples_are_shown(name, mode, size):
    image = read_dicom(sample(name))
    assert (image.mode, image.size) == (mode, size)
    low, high = image.convert("L").getextrema()
    assert high > low


def test_equal_pictures_in_other_encodings_look_equal():
    plain = np.asarray(read_dicom(sample("MR_small.dcm")))
    for name in ("MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm"):
        assert np.array_equal(np.asarray(read_dicom(sample(name))), plain)


@pytest.mark.parametrize("name", ["test-SR.dcm", "rtplan.dcm", "reportsi.dcm"])
def test_a_dicom_object_without_pixels_is_refused_with_a_remedy(name):
    with pytest.raises(MediaError, match="no pixels") as caught:
        read_dicom(sample(name))
    assert "image objects" in caught.value.remedy
    with pytest.raises(MediaError, match="no pixels"):
        dicom_facts(sample(name))


def test_a_waveform_is_known_as_one_and_not_shown():
    media = load_media(sample("waveform_ecg.dcm"))
    assert media.kind is MediaKind.WAVEFORM
    with pytest.raises(MediaError, match="no pixels"):
        read_image(media)


@pytest.mark.parametrize("part", [200, 2000, 30_000])
def test_a_truncated_file_is_refused_with_a_remedy(tmp_path, part):
    path = tmp_path / "cut.dcm"
    path.write_bytes(sample("CT_small.dcm").read_bytes()[:part])
    with pytest.raises(MediaError) as caught:
        read_dicom(path)
    assert caught.value.remedy
    assert caught.value.where == str(path)


def test_a_corrupt_or_foreign_file_is_refused(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(b"GIF89a" + bytes(range(256)) * 10)
    with pytest.raises(MediaError, match="not a DICOM file"):
        read_dicom(path)


def test_a_frame_that_promises_too_many_pixels_is_refused_before_decoding(tmp_path, steps):
    path = write(tmp_path / "a.dcm", steps, Rows=60_000, Columns=60_000)
    with pytest.raises(MediaError, match="too large"):
        read_dicom(path)


def test_an_undecodable_syntax_names_the_packages_that_help():
    with pytest.raises(MediaError, match="pylibjpeg"):
        read_dicom(sample("MR_small_jpeg_ls_lossless.dcm"))


def test_presets_are_for_ct_alone_and_unknown_windows_are_refused():
    with pytest.raises(MediaError, match="means nothing for MR"):
        read_dicom(sample("MR_small.dcm"), window="lung")
    with pytest.raises(MediaError, match="soft tissue"):
        read_dicom(sample("CT_small.dcm"), window="kidney")
    with pytest.raises(MediaError, match="below 1"):
        window_of((40, 0))


def test_facts_come_from_the_header():
    facts = dicom_facts(sample("CT_small.dcm"))
    assert (facts.modality, facts.rows, facts.columns, facts.frames) == ("CT", 128, 128, 1)
    assert facts.spacing_mm == pytest.approx((0.661468, 0.661468))
    assert facts.acquired is not None


@pytest.mark.parametrize("preset", sorted(WINDOW_PRESETS))
def test_a_window_maps_its_edges_to_black_and_white_and_its_centre_to_grey(preset):
    centre, width = WINDOW_PRESETS[preset]
    shades = to_grey(np.array([centre - width, centre - 0.5, centre + width]), (centre, width))
    assert shades[0] == 0
    assert abs(int(shades[1]) - 128) <= 1
    assert shades[2] == 255


def test_other_window_functions_follow_the_standard():
    values = np.array([-100.0, 40.0, 180.0])
    assert to_grey(values, (40, 80), "LINEAR_EXACT").tolist() == [0, 128, 255]
    sigmoid = to_grey(values, (40, 80), "SIGMOID")
    assert sigmoid[1] == 128
    assert 0 <= sigmoid[0] < 5
