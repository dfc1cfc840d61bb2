import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from cases.case import Media, MediaKind
from cases.gate import GREY_FAMILIES, check_medium, colour_fraction, family_of
from cases.loading import load_cases
from cases.media import load_media

RNG = np.random.default_rng(0)


def photograph(path, saturation=1.0):
    """A scene with smooth colours and noise; saturation 0 makes it grey."""
    ramp = np.linspace(0, 255, 200)
    scene = np.stack(
        [ramp[None] + 0 * ramp[:, None], ramp[:, None] + 0 * ramp[None], 255 - ramp[None] + 0 * ramp[:, None]], axis=2
    )
    grey = scene.mean(axis=2, keepdims=True)
    values = grey + saturation * (scene - grey) + RNG.normal(0, 6, scene.shape)
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(path)
    return path


def radiograph(path, size=(300, 260)):
    values = RNG.normal(0, 10, size) + np.linspace(30, 220, size[1])[None]
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("modality", ["CT", "CR", "DX", "chest X-ray", "MR", "MG", "PT", "XA", "OCT"])
@pytest.mark.parametrize("saturation", [1.0, 0.5, 0.25])
def test_a_colour_photograph_never_passes_as_a_grey_scale_modality(tmp_path, modality, saturation):
    path = photograph(tmp_path / "a.png", saturation)
    for report in (
        check_medium(Media(uri=str(path), modality=modality)),
        check_medium(Media(uri=str(path)), expected=modality),
    ):
        assert not report.is_accepted
        assert report.is_colour
        assert "colour picture cannot be" in report.reasons[0]


@pytest.mark.parametrize("modality", ["CT", "chest X-ray", "MR"])
def test_a_grey_picture_of_a_stated_modality_passes(tmp_path, modality):
    report = check_medium(Media(uri=str(radiograph(tmp_path / "a.png")), modality=modality), expected=modality)
    assert report.is_accepted, report.reasons
    assert report.family in GREY_FAMILIES


def test_a_coloured_arrow_does_not_make_a_radiograph_a_photograph(tmp_path):
    path = radiograph(tmp_path / "a.png")
    image = Image.open(path).convert("RGB")
    image.paste((255, 220, 0), (10, 10, 30, 30))
    image.save(path)
    assert 0 < colour_fraction(image) < 0.02
    assert check_medium(Media(uri=str(path), modality="CR")).is_accepted


def test_colour_is_welcome_where_it_belongs(tmp_path):
    path = photograph(tmp_path / "a.png")
    for modality in ("fundus photograph", "light microscopy", "dermoscopy", "US"):
        assert check_medium(Media(uri=str(path), modality=modality)).is_accepted


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("L", (200, 200), 90), "blank"),
        (Image.fromarray(RNG.integers(0, 255, (40, 300), dtype=np.uint8)), "too small"),
        (Image.fromarray(RNG.integers(0, 255, (70, 900), dtype=np.uint8)), "not the shape"),
    ],
)
def test_blank_small_and_odd_pictures_are_refused_with_the_reason(tmp_path, image, reason):
    image.save(tmp_path / "a.png")
    report = check_medium(Media(uri=str(tmp_path / "a.png"), modality="CT"))
    assert not report.is_accepted
    assert any(reason in text for text in report.reasons)


def test_the_dicom_tag_is_believed_over_the_record():
    path = get_testdata_file("CT_small.dcm", download=False)
    assert check_medium(load_media(path), expected="CT").is_accepted
    wrong = check_medium(load_media(path), expected="MR")
    assert "mr is needed, but the DICOM header says ct" in wrong.reasons
    lying = check_medium(Media(uri=path, modality="MR"))
    assert lying.family == "ct"
    assert not lying.is_accepted


def test_a_waveform_is_no_image():
    media = Media(uri=get_testdata_file("waveform_ecg.dcm", download=False), kind=MediaKind.WAVEFORM)
    assert check_medium(media).reasons == ("a waveform is not an image",)


def test_ultrasound_and_pictures_without_a_modality_carry_a_warning(tmp_path):
    assert (
        "burned-in" in check_medium(load_media(get_testdata_file("examples_rgb_color.dcm", download=False))).warnings[0]
    )
    assert "no modality" in check_medium(Media(uri=str(radiograph(tmp_path / "a.png")))).warnings[0]


@pytest.mark.parametrize(
    ("stated", "family"),
    [
        ("CT w/contrast (IV)", "ct"), ("PET/CT", "nuclear"), ("MRI brain", "mr"), ("CR", "x-ray"),
        ("Chest X-Ray", "x-ray"),
        ("X-ray", "x-ray"), ("mammography", "mammography"), ("US", "ultrasound"), ("Echocardiogram", "ultrasound"),
        ("fundus photograph", "fundus"), ("OP", "fundus"), ("OCT", "oct"),
        ("light microscopy", "microscopy"), ("XC", "photograph"),
        ("endoscopy", "endoscopy"), ("", None), (None, None), ("something else", None),
    ],
)  # fmt: skip
def test_modalities_are_recognised_as_codes_and_in_words(stated, family):
    assert family_of(stated) == family


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "accepted", "as_ct"),
    [("covid_cxr/labels", 0.9, 0.0), ("brain_mri/labels", 1.0, 0.0), ("medpix/cases", 0.95, None),
     ("dr_fundus/labels", 1.0, 0.0), ("bccd_blood/labels", 1.0, 0.0), ("busi_us/labels", 1.0, 0.0)],
)  # fmt: skip
def test_real_images_pass_as_what_they_are_and_not_as_ct(shared_data, name, accepted, as_ct):
    cases = load_cases(shared_data / "multimodal" / f"{name}.jsonl", limit=25).cases
    media = [case.all_media[0] for case in cases]
    own = [check_medium(medium).is_accepted for medium in media]
    assert np.mean(own) >= accepted
    if as_ct is not None:
        assert np.mean([check_medium(medium, expected="CT").is_accepted for medium in media]) == as_ct
    if name.startswith(("dr_fundus", "bccd")):
        unnamed = [Media(uri=medium.uri) for medium in media]
        assert not any(check_medium(medium, expected="X-ray").is_accepted for medium in unnamed)
