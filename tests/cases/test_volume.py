import itertools

import nibabel
import numpy as np
import pytest

from cases.case import MediaKind
from cases.errors import MediaError
from cases.media import load_media, read_image, slice_count
from cases.volume import read_slice, volume_facts

SHAPE = (70, 80, 66)


def canonical_values():
    """A volume with a bright ball to the patient's right, in front and high up."""
    x, y, z = np.indices(SHAPE)
    values = np.zeros(SHAPE, dtype=np.float32) + 10
    values[(x - 55) ** 2 + (y - 65) ** 2 + (z - 50) ** 2 < 64] = 1000
    return values


def write(path, axes="RAS", zooms=(1.0, 1.0, 1.0), values=None):
    """The volume stored with the given axis codes; what it means in space stays the same."""
    image = nibabel.Nifti1Image(canonical_values() if values is None else values, np.diag([*zooms, 1.0]))
    wanted = nibabel.orientations.axcodes2ornt(axes)
    transform = nibabel.orientations.ornt_transform(nibabel.io_orientation(image.affine), wanted)
    nibabel.save(image.as_reoriented(transform), path)
    return path


def bright_spot(image):
    rows, columns = np.where(np.asarray(image) > 200)
    return float(rows.mean()), float(columns.mean())


def orientations():
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((0, 1), repeat=3):
            yield "".join(("RL", "AP", "SI")[axis][signs[axis]] for axis in order)


@pytest.mark.parametrize("axes", sorted(orientations()))
def test_a_slice_looks_the_same_however_the_volume_is_stored(tmp_path, axes):
    path = write(tmp_path / "v.nii", axes)
    facts = volume_facts(path)
    assert facts.shape == SHAPE
    assert facts.stored_orientation == axes
    reference = write(tmp_path / "ras.nii", "RAS")
    for plane, index in (("axial", 50), ("coronal", 65), ("sagittal", 55)):
        assert np.array_equal(
            np.asarray(read_slice(path, plane=plane, index=index)),
            np.asarray(read_slice(reference, plane=plane, index=index)),
        )


def test_the_patients_right_is_at_the_left_and_the_front_on_top(tmp_path):
    path = write(tmp_path / "v.nii.gz")
    row, column = bright_spot(read_slice(path, plane="axial", index=50, window=(500, 900)))
    assert row < SHAPE[1] / 2
    assert column < SHAPE[0] / 2
    row, _ = bright_spot(read_slice(path, plane="coronal", index=65, window=(500, 900)))
    assert row < SHAPE[2] / 2


def test_pixels_are_made_square_by_the_spacing(tmp_path):
    path = write(tmp_path / "v.nii", "LPS", zooms=(1.0, 1.0, 3.0))
    facts = volume_facts(path)
    assert facts.spacing_mm == pytest.approx((1.0, 1.0, 3.0))
    assert read_slice(path, plane="axial").size == (70, 80)
    assert read_slice(path, plane="coronal").size == (70, 3 * 66)


def test_slices_are_counted_and_read_through_the_common_door(tmp_path):
    media = load_media(write(tmp_path / "v.nii.gz"))
    assert (media.kind, slice_count(media)) == (MediaKind.VOLUME, 66)
    assert read_image(media, slice_index=50).getextrema()[1] == 255
    with pytest.raises(MediaError, match="from 0 to 65"):
        read_image(media, slice_index=66)


def test_a_time_series_shows_one_time_point(tmp_path):
    values = np.stack([canonical_values(), canonical_values() * 0 + np.arange(66)], axis=3)
    path = tmp_path / "t.nii"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    assert volume_facts(path).time_points == 2
    first, second = (np.asarray(read_slice(path, index=50, time_point=i)) for i in (0, 1))
    assert not np.array_equal(first, second)
    with pytest.raises(MediaError, match="time points go from 0 to 1"):
        read_slice(path, time_point=2)


@pytest.mark.parametrize("damage", ["cut", "garbage", "flat"])
def test_a_broken_volume_is_refused_with_a_remedy(tmp_path, damage):
    path = write(tmp_path / "v.nii")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "garbage":
        path.write_bytes(b"nothing like a header" * 100)
    else:
        nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4)), np.eye(4)), path)
    with pytest.raises(MediaError) as caught:
        read_slice(path)
    assert caught.value.remedy


def test_values_that_are_not_numbers_do_not_spoil_the_picture(tmp_path):
    values = canonical_values()
    values[:5] = np.nan
    image = read_slice(write(tmp_path / "v.nii", values=values), index=50)
    assert image.getextrema()[1] == 255
