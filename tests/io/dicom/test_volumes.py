# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Several volumes in one series: distinguished by what varies, chosen by number, never mixed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_files import AXES, ORIGIN, SHAPE, STEP, series, stored
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.io import read

Change = Callable[[int, int, Dataset], None]  # which volume, which slice, its image


def several(folder: Path, count: int, change: Change) -> Path:
    """One series of as many volumes: the intensities of volume v are ``v + 1`` times those of the first."""
    for v in range(count):

        def vary(k: int, image: Dataset, v: int = v) -> None:
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{v + 1}.{k + 1}"
            image.PixelData = (stored()[..., k].T * (v + 1)).astype(np.int16).tobytes()
            change(v, k, image)

        series(folder / "abc"[-1 - v], vary)  # the order of the files is not that of the volumes
    return folder


def echo(v: int, k: int, image: Dataset) -> None:
    image.EchoTime = str(4 + 8 * v)


def phase(v: int, k: int, image: Dataset) -> None:
    image.ImageType = ["ORIGINAL", "PRIMARY", "P" if v else "M", "ND"]


def time(v: int, k: int, image: Dataset) -> None:
    image.TemporalPositionIdentifier, image.AcquisitionTime = v + 1, f"1200{20 * v + k:02d}"


def direction(v: int, k: int, image: Dataset) -> None:
    image.DiffusionBValue = 1000.0 if v else 0.0
    if v:
        image.DiffusionGradientOrientation = [float(v == 1), float(v == 2), 0.0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (echo, "volume 1: 8 images, EchoTime 4\n  volume 2: 8 images, EchoTime 12"),
        (
            phase,
            "ImageType ORIGINAL PRIMARY M ND\n  volume 2: 8 images, ImageType ORIGINAL PRIMARY P ND",
        ),
        (time, "volume 1: 8 images, TemporalPositionIdentifier 1\n  volume 2"),
    ],
    ids=["echoes", "phase", "times"],
)
def test_volumes_are_listed_with_what_sets_them_apart(tmp_path: Path, change: Change, words: str) -> None:
    with pytest.raises(InputError, match="holds 2 volumes") as caught:
        read(several(tmp_path, 2, change))
    assert words in str(caught.value) and "SECRET" not in str(caught.value)


@pytest.mark.parametrize("change", [echo, time, direction], ids=["echoes", "times", "directions"])
def test_a_volume_is_chosen_by_its_number(tmp_path: Path, change: Change) -> None:
    folder = several(tmp_path, 3, change)
    for v in range(3):
        order = [0, 2, 1][v] if change is direction else v  # directions are sorted by their components
        np.testing.assert_array_equal(read(folder, volume=v + 1).data, stored() * (order + 1))
    for wrong in (0, 4, -1):
        with pytest.raises(InputError, match=f"no volume {wrong}"):
            read(folder, volume=wrong)


def test_a_phase_volume_is_refused_and_its_magnitude_read(tmp_path: Path) -> None:
    folder = several(tmp_path, 2, phase)
    np.testing.assert_array_equal(read(folder, volume=1).data, stored())
    with pytest.raises(InputError, match="phase image"):
        read(folder, volume=2)


def test_what_every_slice_has_for_itself_splits_nothing(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.AcquisitionTime, image.TriggerTime, image.AcquisitionNumber = f"1200{k:02d}", str(10 * k), k

    np.testing.assert_array_equal(read(series(tmp_path, change)).data, stored())


def test_free_text_is_counted_and_not_shown(tmp_path: Path) -> None:
    def change(v: int, k: int, image: Dataset) -> None:
        image.StackID = ["JANE", "DOE"][v]

    with pytest.raises(InputError, match=r"StackID no\. 1\n.*StackID no\. 2") as caught:
        read(several(tmp_path, 2, change))
    assert "DOE" not in str(caught.value)


def test_many_volumes_are_listed_in_short(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:  # two positions, sixteen volumes
        image.ImagePositionPatient = [f"{v:.9f}" for v in ORIGIN + STEP * (k % 2) * AXES[:, 2]]

    for v in range(16):

        def vary(k: int, image: Dataset, v: int = v) -> None:
            change(k, image)
            image.SOPInstanceUID = f"1.2.3.{v + 1}.{k + 1}"
            image.TemporalPositionIdentifier = 4 * v + k // 2 + 1

        series(tmp_path / f"{v:02d}", vary)
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    text = str(caught.value)
    assert "holds 64 volumes" in text and "... 53 more ..." in text and "volume 64: 2 images" in text
    assert len(text.splitlines()) == 13


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_volume_of_a_nifti_file_is_chosen_by_its_number(tmp_path: Path, suffix: str) -> None:
    data = np.arange(4 * 5 * 6 * 3, dtype=np.int16).reshape(4, 5, 6, 3)
    nib.save(nib.Nifti1Image(data, np.eye(4)), tmp_path / f"x{suffix}")
    with pytest.raises(InputError, match=r"4-D \(4, 5, 6, 3\): 3 volumes .*Choose one with --volume"):
        read(tmp_path / f"x{suffix}")
    for v in range(3):
        np.testing.assert_array_equal(read(tmp_path / f"x{suffix}", volume=v + 1).data, data[..., v])
    with pytest.raises(InputError, match=r"no volume 4\. Choose from 1 to 3"):
        read(tmp_path / f"x{suffix}", volume=4)
    whole = (tmp_path / f"x{suffix}").read_bytes()
    (tmp_path / f"x{suffix}").write_bytes(whole[:-40])
    with pytest.raises(InputError, match=r"holds|cut off"):
        read(tmp_path / f"x{suffix}", volume=3)


def test_the_only_volume_may_be_asked_for(tmp_path: Path) -> None:
    assert read(series(tmp_path / "s"), volume=1).data.shape == SHAPE
    nib.save(nib.Nifti1Image(np.arange(8.0).reshape(2, 2, 2), np.eye(4)), tmp_path / "x.nii")
    assert read(tmp_path / "x.nii", volume=1).data.shape == (2, 2, 2)
    with pytest.raises(InputError, match="no volume 2"):
        read(tmp_path / "x.nii", volume=2)
