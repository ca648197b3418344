# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Which scans a folder holds, and where outputs must not go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_strainer.errors import InputError
from monai_strainer.io import find_scans, find_series, holds_images, refuse_inside, survey, write
from monai_strainer.volume import Volume


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_scans(root)]


def test_a_plain_folder_gives_its_nifti_files_in_order(tmp_path: Path) -> None:
    made(tmp_path, "b.nii.gz", "a.nii", "deep/er/C.NII.GZ", "a.json", "scan.nrrd")
    assert found(tmp_path) == ["a.nii", "b.nii.gz", "deep/er/C.NII.GZ"]


def test_hidden_files_derivatives_and_our_own_maps_are_left_out(tmp_path: Path, phantom: Volume) -> None:
    made(tmp_path, ".tmp-1.nii", ".git/b.nii", "derivatives/x/c.nii")
    write(phantom, tmp_path / "a.nii", std=np.ones(phantom.grid.shape, np.float32))
    assert found(tmp_path) == ["a.nii"]


def test_a_scan_is_no_deviation_by_its_name(tmp_path: Path, phantom: Volume) -> None:
    write(phantom, tmp_path / "T1_std.nii.gz")  # as FSL calls what it turned to standard axes
    assert found(made(tmp_path, "T1.nii.gz", "x_std.nii.gz")) == ["T1.nii.gz", "T1_std.nii.gz", "x_std.nii.gz"]


def test_what_is_passed_over_is_named_with_the_reason(tmp_path: Path, phantom: Volume) -> None:
    made(
        tmp_path, "b.nrrd", "c.nii.bz2", "notes.txt", "derivatives/x/c.nii", "d/1.dcm", "d/2.dcm", ".h/e.nii", "f/g.nii"
    )
    (tmp_path / "h").symlink_to(tmp_path / "f")
    write(phantom, tmp_path / "a.nii", std=np.ones(phantom.grid.shape, np.float32))
    scans, passed = survey(tmp_path)
    assert [path.name for path in scans] == ["a.nii", "g.nii"]
    words = {
        "a_std.nii.gz": "a standard deviation",
        "b.nrrd": "another format",
        "c.nii.bz2": "packed",
        "d": "2 DICOM files",
        "derivatives": "1 images",
        "h": "a link to a folder",
    }
    assert {name: reason[: len(words[name])] for name, reason in passed} == words


def test_of_a_bids_folder_what_is_no_anatomy_is_named(tmp_path: Path) -> None:
    made(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/func/sub-01_bold.nii.gz", "odd.nii")
    assert [name for name, _ in survey(tmp_path).passed] == ["odd.nii", "sub-01/func/sub-01_bold.nii.gz"]


def test_series_in_hidden_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("a", ".tmp-123-0123abcd", "b/.old-1", "b"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "IM1").write_bytes(bytes(128) + b"DICM")
    assert [path.name for path in find_series(tmp_path)] == ["a", "b"]


def test_hidden_nifti_files_make_no_folder_of_nifti(tmp_path: Path) -> None:
    assert not holds_images(made(tmp_path, ".tmp-1.nii.gz", "a/.b/c.nii", "a.nii.txt"))
    assert holds_images(made(tmp_path, "a/b.NII"))


def test_of_a_bids_folder_the_anatomy_counts(tmp_path: Path) -> None:
    names = ["sub-01/anat/sub-01_T1w.nii.gz", "sub-02/ses-1/anat/sub-02_ses-1_T2w.nii.gz"]
    made(tmp_path, *names, "sub-01/func/sub-01_bold.nii.gz", "sub-02/ses-1/dwi/x_dwi.nii", "sourcedata/raw.nii")
    assert found(tmp_path) == names


def test_an_annexed_scan_that_was_not_fetched_is_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").symlink_to(tmp_path / "annex" / "object")
    assert found(tmp_path) == ["a.nii.gz"]


def test_the_real_cohort_is_found(oasis: Path) -> None:
    scans = find_scans(oasis)
    assert len(scans) >= 25 and all(path.name.endswith("_T1w.nii.gz") for path in scans)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: the folder does not exist"):
        find_scans(tmp_path / "none")


def test_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a file, not a folder"):
        find_scans(made(tmp_path, "a.nii") / "a.nii")


@pytest.mark.parametrize("names", [(), ("notes.txt",), ("derivatives/a.nii", ".b.nii")])
def test_a_folder_without_scans_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="holds no NIfTI file"):
        find_scans(made(tmp_path, *names))


@pytest.mark.parametrize("inner", ["out", "sub-01/anat/x.nii.gz", "derivative/x", "other/../x"])
def test_an_output_among_the_inputs_is_refused(tmp_path: Path, inner: str) -> None:
    with pytest.raises(InputError, match="inside the input folder"):
        refuse_inside(tmp_path / inner, tmp_path)


def test_an_output_that_is_the_input_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, made(tmp_path, "a.nii") / "a.nii"):
        with pytest.raises(InputError, match="the input itself"):
            refuse_inside(path / ".." / path.name, path)


def test_an_output_inside_through_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "study")
    with pytest.raises(InputError, match="inside the input folder"):
        refuse_inside(tmp_path / "link" / "out", tmp_path / "study")


def test_outputs_elsewhere_beside_a_file_and_in_derivatives_are_fine(tmp_path: Path) -> None:
    made(tmp_path, "study/a.nii")
    refuse_inside(tmp_path / "study-out", tmp_path / "study")
    refuse_inside(tmp_path / "study" / "derivatives" / "strainer", tmp_path / "study")
    refuse_inside(tmp_path / "study" / "b.nii", tmp_path / "study" / "a.nii")
