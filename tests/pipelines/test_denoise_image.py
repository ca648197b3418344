# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoised image and noise add up to the image; what must not be replaced is refused first."""

from __future__ import annotations

import weakref
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from phantoms import small_head, small_prior

from monai_strainer import InputError, RestoreOptions, Volume, read, write
from monai_strainer.io.nifti import files as nifti
from monai_strainer.pipelines import denoise_image as module
from monai_strainer.pipelines.denoise_image import DenoiseRequest, denoise_image

SHAPE = (12, 14, 4)


def test_image_and_noise_add_up_and_outside_the_mask_nothing_changes(tmp_path: Path) -> None:
    scan, inside = small_head(SHAPE), np.zeros(SHAPE, np.float32)
    inside[3:9, 3:11] = 1
    write(scan, tmp_path / "in.nii.gz")
    write(Volume(inside, scan.grid), tmp_path / "mask.nii.gz")
    names = ("in", "out", "noise", "mask")
    request = DenoiseRequest(*(tmp_path / f"{name}.nii.gz" for name in names))
    denoise_image(request, small_prior(), RestoreOptions(steps=0))
    out, noise = read(tmp_path / "out.nii.gz"), read(tmp_path / "noise.nii.gz")
    np.testing.assert_allclose(out.data + noise.data, scan.data, atol=1e-3)
    np.testing.assert_allclose(out.data[inside == 0], scan.data[inside == 0], atol=1e-3)
    assert np.abs(noise.data[inside > 0]).max() > 0


@pytest.mark.parametrize("target", ["in.nii.gz", "there.nii.gz", "folder.nii.gz"])
def test_what_is_there_is_not_replaced(target: str, tmp_path: Path) -> None:
    write(small_head(SHAPE), tmp_path / "in.nii.gz")
    (tmp_path / "there.nii.gz").touch()
    (tmp_path / "folder.nii.gz").mkdir()
    before = (tmp_path / "in.nii.gz").read_bytes()
    with pytest.raises(InputError):
        denoise_image(DenoiseRequest(tmp_path / "in.nii.gz", tmp_path / target), small_prior())
    assert (tmp_path / "in.nii.gz").read_bytes() == before and (tmp_path / "there.nii.gz").read_bytes() == b""


def test_a_4d_image_is_read_once_and_one_volume_at_a_time_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = [small_head(SHAPE, seed=seed) for seed in range(3)]
    nib.save(nib.Nifti1Image(np.stack([one.data for one in heads], -1), heads[0].grid.affine), tmp_path / "in.nii.gz")
    opened, scans, alive = [], [], []
    open_, restore_ = nifti._open, module.restore

    def counting(scan: Volume, *rest: object, **more: object) -> object:
        scans.append(weakref.ref(scan))
        alive.append(sum(one() is not None for one in scans))
        return restore_(scan, *rest, **more)

    monkeypatch.setattr(nifti, "_open", lambda path: opened.append(path.name) or open_(path))
    monkeypatch.setattr(module, "restore", counting)
    request = DenoiseRequest(*(tmp_path / f"{name}.nii.gz" for name in ("in", "out", "noise")))
    assert len(denoise_image(request, small_prior(), RestoreOptions(steps=0))) == 3
    assert opened == ["in.nii.gz"] and alive == [1, 1, 1]
    assert nib.load(tmp_path / "out.nii.gz").shape == nib.load(tmp_path / "noise.nii.gz").shape == (*SHAPE, 3)
