# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Denoised image and noise add up to the image; what must not be replaced is refused first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import small_head, small_prior

from monai_strainer import InputError, RestoreOptions, Volume, read, write
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
