# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""From file to file: the plan is that of the run, and a 4-D file is restored volume by volume."""

from __future__ import annotations

import warnings
import weakref
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from phantoms import small_head, small_prior

from monai_strainer import InputError, RestoreOptions, Volume, write
from monai_strainer.io.nifti import files as nifti
from monai_strainer.pipelines import restore_file as restore_file_module
from monai_strainer.pipelines.restore_file import FileOptions, Outputs, plan_file, restore_file

SHAPE = (12, 14, 4)
DENOISE = FileOptions(scale=(1.0,), restore=RestoreOptions(steps=0))


def test_the_plan_has_the_method_and_noise_of_the_report_and_writes_nothing(tmp_path: Path) -> None:
    write(small_head(SHAPE), tmp_path / "a.nii.gz")
    found = plan_file(tmp_path / "a.nii.gz", small_prior(), DENOISE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii.gz"]
    report = restore_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", small_prior(), DENOISE)
    assert report["method"] == found.method and report["noise"]["sigma"] == pytest.approx(found.sigma)


def without_position(path: Path, volumes: int) -> Path:
    """A NIfTI file, with a volume or more, that does not say where it lies."""
    heads = [small_head(SHAPE, seed=seed).data for seed in range(volumes)]
    image = nib.Nifti1Image(np.stack(heads, -1) if volumes > 1 else heads[0], None)
    nib.save(image, path)
    return path


def test_what_is_unusual_about_a_file_is_in_the_plan_the_record_and_the_page(tmp_path: Path) -> None:
    source, said = without_position(tmp_path / "a.nii.gz", 1), "orientation and position are guessed"
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # it is said in the report
        assert said in str(plan_file(source, small_prior(), DENOISE))
        report = restore_file(source, tmp_path / "b.nii.gz", small_prior(), DENOISE, Outputs(report=True))
    record, page = ((tmp_path / f"b.{ending}").read_text(encoding="utf-8") for ending in ("json", "html"))
    assert any(said in one for one in report["warnings"]) and record.count(said) == 1 and said in page


def test_what_is_unusual_about_all_volumes_is_said_once(tmp_path: Path) -> None:
    source = without_position(tmp_path / "a.nii.gz", 3)
    report = restore_file(source, tmp_path / "b.nii.gz", small_prior(), DENOISE)
    assert [one for one in report["warnings"] if "are guessed" in one] == [
        "every volume: no sform and no qform; orientation and position are guessed"
    ]


def test_volumes_of_a_4d_file_are_those_restored_alone(tmp_path: Path) -> None:
    heads = [small_head(SHAPE, seed=seed) for seed in range(2)]
    data = np.stack([head.data for head in heads], -1)
    nib.save(nib.Nifti1Image(data, heads[0].grid.affine), tmp_path / "a.nii.gz")
    report = restore_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", small_prior(), DENOISE)
    assert len(report["volumes"]) == 2 and nib.load(tmp_path / "b.nii.gz").shape == (*SHAPE, 2)
    second = FileOptions(scale=(1.0,), restore=RestoreOptions(steps=0), volume=2)
    restore_file(tmp_path / "a.nii.gz", tmp_path / "c.nii.gz", small_prior(), second)
    both = [np.asarray(nib.load(tmp_path / name).dataobj) for name in ("b.nii.gz", "c.nii.gz")]
    np.testing.assert_array_equal(both[0][..., 1], both[1])


def test_a_residual_on_another_grid_is_refused(tmp_path: Path) -> None:
    write(small_head(SHAPE), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="a residual is the scan minus the result"):
        restore_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", small_prior(), FileOptions(), Outputs(residual=True))
    assert not (tmp_path / "b.nii.gz").exists()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each NIfTI file is opened to read its voxels."""
    counts: Counter[str] = Counter()
    whole = nifti._open

    def count(path: Path) -> object:
        counts[path.name] += 1
        return whole(path)

    monkeypatch.setattr(nifti, "_open", count)
    return counts


def test_a_4d_file_its_mask_and_its_labels_are_read_once(tmp_path: Path, opened: Counter[str]) -> None:
    head = small_head(SHAPE)
    data = np.stack([small_head(SHAPE, seed=seed).data for seed in range(3)], -1)
    nib.save(nib.Nifti1Image(data, head.grid.affine), tmp_path / "a.nii.gz")
    for name in ("mask", "labels"):
        write(Volume((head.data > 100).astype(np.float32), head.grid), tmp_path / f"{name}.nii.gz")
    opened.clear()
    options = FileOptions(scale=(1.0,), restore=RestoreOptions(steps=0), mask=tmp_path / "mask.nii.gz")
    outputs = Outputs(labels=tmp_path / "labels.nii.gz", report=True, sidecar={})
    report = restore_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", small_prior(), options, outputs)
    assert len(report["volumes"]) == 3
    assert opened == {"a.nii.gz": 1, "mask.nii.gz": 1, "labels.nii.gz": 1}
    opened.clear()
    plan_file(tmp_path / "a.nii.gz", small_prior(), options)
    assert opened == {"a.nii.gz": 1, "mask.nii.gz": 1}


def test_one_volume_at_a_time_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.stack([small_head(SHAPE, seed=seed).data for seed in range(4)], -1)
    nib.save(nib.Nifti1Image(data, small_head(SHAPE).grid.affine), tmp_path / "a.nii.gz")
    scans: list[weakref.ref[Volume]] = []
    alive = []
    whole = restore_file_module.restore

    def counting(scan: Volume, *rest: object, **more: object) -> object:
        scans.append(weakref.ref(scan))
        alive.append(sum(one() is not None for one in scans))
        return whole(scan, *rest, **more)

    monkeypatch.setattr(restore_file_module, "restore", counting)
    restore_file(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", small_prior(), DENOISE, Outputs(std=True, report=True))
    assert alive == [1, 1, 1, 1]
