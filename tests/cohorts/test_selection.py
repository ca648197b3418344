# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What may train a prior: images of one contrast, and never a mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import ellipsoid, small_head

from monai_strainer import Grid, Volume, write
from monai_strainer.cohorts.read import read_cohort
from monai_strainer.cohorts.selection import choose_scans, without_label_maps
from monai_strainer.errors import InputError


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def chosen(root: Path, contrast: str | None = None) -> list[str]:
    choice = choose_scans(root, contrast)
    return sorted({path.relative_to(root).as_posix() for path in (*choice.train, *choice.validation)})


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_T1w_defacemask.nii.gz",
        "sub-01_desc-brain_mask.nii.gz",
        "sub-01_dseg.nii.gz",
        "sub-01_label-GM_probseg.nii.gz",
        "aparc+aseg.nii.gz",
        "brain_mask.nii",
        "lesion-mask1.nii",
        "patient_seg.nii.gz",
        "labels.nii.gz",
        "labelsTr/case.nii.gz",
        "masks/case.nii.gz",
        "segmentations/x/case.nii.gz",
    ],
)
def test_masks_never_train_by_name_or_folder(tmp_path: Path, name: str) -> None:
    made(tmp_path, name, "scan.nii.gz", "sub-01_T1w_masked.nii", "sub-lesion_T1w.nii", "atlas/sub-seg_T1w.nii")
    choice = choose_scans(tmp_path)
    assert sorted(path.name for path in {*choice.train, *choice.validation}) == [
        "scan.nii.gz",
        "sub-01_T1w_masked.nii",
        "sub-lesion_T1w.nii",
        "sub-seg_T1w.nii",
    ]
    assert [passed.name for passed in choice.passed] == [name]


def test_one_contrast_trains(tmp_path: Path) -> None:
    names = [f"sub-0{k}/anat/sub-0{k}_{suffix}.nii.gz" for k in range(3) for suffix in ("FLAIR", "T1w", "T2w")]
    made(tmp_path, *names)
    assert chosen(tmp_path) == [name for name in names if "T1w" in name]
    assert chosen(tmp_path, "flair") == [name for name in names if "FLAIR" in name]
    with pytest.raises(InputError, match="There is FLAIR, T1w, T2w"):
        chosen(tmp_path, "PDw")


def test_usual_words_give_the_contrast_of_other_names(tmp_path: Path) -> None:
    made(tmp_path, *(f"BraTS_{k}_{word}.nii.gz" for k in range(2) for word in ("t1", "t1ce", "t2", "flair", "seg")))
    assert chosen(tmp_path) == ["BraTS_0_t1.nii.gz", "BraTS_1_t1.nii.gz"]


@pytest.mark.parametrize(("count", "kept"), [(3, [3]), (9, [9]), (10, [10]), (25, [10, 20])])
def test_every_tenth_scan_is_kept_from_training(tmp_path: Path, count: int, kept: list[int]) -> None:
    choice = choose_scans(made(tmp_path, *(f"{k:02}.nii" for k in range(1, count + 1))))
    assert [int(path.stem) for path in choice.validation] == kept
    assert [int(path.stem) for path in choice.train] == [k for k in range(1, count + 1) if k not in kept]


def test_a_phase_image_does_not_train(tmp_path: Path) -> None:
    made(tmp_path, "sub-01_part-phase_T1w.nii.gz", "sub-01_part-mag_T1w.nii.gz", "sub-02_T1w.nii.gz")
    (tmp_path / "sub-02_T1w.json").write_text('{"ImageType": ["ORIGINAL", "PRIMARY", "P"]}')
    assert chosen(tmp_path) == ["sub-01_part-mag_T1w.nii.gz"]


def test_the_folders_of_nnunet_are_a_split(tmp_path: Path) -> None:
    images = [
        f"{folder}/a_00{k}_000{c}.nii.gz" for folder in ("imagesTr", "imagesTs") for k in range(2) for c in (0, 1)
    ]
    made(tmp_path, *images, "labelsTr/a_000.nii.gz", "labelsTs/a_000.nii.gz")
    choice = choose_scans(tmp_path)
    assert [path.name for path in choice.train] == ["a_000_0000.nii.gz", "a_001_0000.nii.gz"]
    assert {path.parent.name for path in choice.validation} == {"imagesTs"}


def test_a_mask_under_an_innocent_name_is_passed_over(tmp_path: Path) -> None:
    grid = Grid((22, 26, 18), np.diag([8.0, 8.0, 8.0, 1.0]))
    write(Volume((ellipsoid() > 0).astype(np.float32), grid), tmp_path / "a.nii.gz")
    write(small_head((22, 26, 18)), tmp_path / "b.nii.gz")
    choice = without_label_maps(choose_scans(tmp_path), tmp_path)
    assert [path.name for path in choice.train] == ["b.nii.gz"]
    assert choice.record()["passed_over"] == {"a mask or a label map, by its values": 1}
    with pytest.raises(InputError, match=r"a\.nii\.gz: this is a mask or a label map"):
        read_cohort([tmp_path / "a.nii.gz"], shape=(4, 12, 14))


def test_the_record_says_who_trained_and_names_no_person(tmp_path: Path) -> None:
    for k in range(4):
        write(small_head(seed=k), tmp_path / f"doe{k}.nii.gz")
    record = choose_scans(tmp_path).record()
    assert record["trained"]["count"] == 3 and len(set(record["trained"]["sha256"])) == 3
    assert "every tenth" in record["trained"]["chosen_by"] and "doe" not in str(record)
