# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The stacks of a fusion as files: a stack counts once, and a volume or a series is named for each."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_files import series
from pydicom.dataset import Dataset
from stacks import three

from monai_strainer import InputError, write
from monai_strainer.pipelines.stack_files import StackFiles


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A 4-D file whose second volume is brighter, and a 3-D file."""
    first, second = three()[:2]
    paths = [tmp_path / "echoes.nii.gz", tmp_path / "coronal.nii.gz"]
    nib.save(nib.Nifti1Image(np.stack([first.data, 2 * first.data], -1), first.grid.affine), paths[0])
    write(second, paths[1])
    return paths


def test_a_volume_is_named_for_each_stack(files: list[Path]) -> None:
    first, second = (StackFiles(files, volumes=[k, 1]).read() for k in (1, 2))
    assert np.allclose(second[0].data, 2 * first[0].data) and np.array_equal(first[1].data, second[1].data)


def test_two_volumes_of_one_file_are_two_stacks(files: list[Path]) -> None:
    one, other = StackFiles([files[0], files[0]], volumes=[1, 2]).read()
    assert np.allclose(other.data, 2 * one.data)


def test_a_file_that_does_not_say_where_it_lies_is_refused(files: list[Path], tmp_path: Path) -> None:
    nowhere = nib.Nifti1Image(three()[2].data, None)
    nib.save(nowhere, tmp_path / "nowhere.nii.gz")
    with pytest.raises(InputError, match="no sform and no qform") as raised:
        StackFiles([files[1], tmp_path / "nowhere.nii.gz"]).read()
    assert raised.value.file == "nowhere.nii.gz"


def other(k: int, image: Dataset) -> None:
    """Make a slice one of a second series."""
    image.SeriesInstanceUID, image.SOPInstanceUID = "1.2.3.4", f"1.2.3.4.{k}"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID


def test_two_series_of_one_folder_are_two_stacks(tmp_path: Path) -> None:
    series(tmp_path / "study" / "a")
    series(tmp_path / "study" / "b", other)
    with pytest.raises(InputError, match="there are 2 series") as raised:
        StackFiles([tmp_path / "study", tmp_path / "study" / "a"]).read()
    uids = ["1.2.3.4", next(word.rstrip(":") for word in raised.value.remedy.split() if word.startswith("1.2.8"))]
    files = StackFiles([tmp_path / "study"] * 2, series_uids=uids)
    assert len({scan.source.sha256 for scan in files.read()}) == 2
    assert "1.2.3.4" not in json.dumps(files.record()) and all(files.record()["series_uids"])


@pytest.mark.parametrize(
    ("names", "volumes", "uids", "said"),
    [
        (["a.nii", "x/../a.nii"], [], [], "stacks 1 and 2 are the same"),
        (["b.nii", "a.nii", "a.nii"], [2], [], "stacks 2 and 3 are the same"),
        (["a.nii", "b.nii", "c.nii"], [1, 2], [], "2 volumes of 3 stacks"),
        (["a", "b"], [], ["1.2"], "1 series of 2 stacks"),
    ],
)
def test_what_names_no_list_of_stacks_is_refused(
    tmp_path: Path, names: list[str], volumes: list[int], uids: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        StackFiles([tmp_path / name for name in names], volumes, uids)
