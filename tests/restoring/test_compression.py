# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of lossy compression: its blocks are found wherever they begin, and their error counts as noise."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import body_part, body_volume, rician, rmse
from scipy import ndimage
from scipy.fft import dctn, idctn

from monai_strainer import load_prior, restore
from monai_strainer.restoring.compression import block_error


def compressed(slices: np.ndarray, step: float) -> np.ndarray:
    """Round the cosine coefficients of blocks of 8 x 8 voxels, coarser where the frequency is higher, as JPEG does."""
    out = slices.astype(np.float64)
    steps = step * (1 + np.add.outer(np.arange(8), np.arange(8)))
    height, width = (n // 8 * 8 for n in out.shape[1:])
    for image in out:
        for r in range(0, height, 8):
            for c in range(0, width, 8):
                block = dctn(image[r : r + 8, c : c + 8], norm="ortho")
                image[r : r + 8, c : c + 8] = idctn(steps * np.round(block / steps), norm="ortho")
    return out.astype(np.float32)


def anatomy(sigma: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Smooth slices with noise, and where the object is."""
    rng = np.random.default_rng(0)
    smooth = 300 * ndimage.gaussian_filter(rng.standard_normal((6, 72, 80)), (0, 2, 2))
    image = (500 + smooth + sigma * rng.standard_normal(smooth.shape)).astype(np.float32)
    return image, np.ones(image.shape, bool)


@pytest.mark.parametrize("sigma", [0.5, 8.0, 24.0])
def test_a_scan_as_it_comes_has_no_blocks(sigma: float) -> None:
    truth, inside = body_part()
    assert block_error(np.moveaxis(rician(truth, sigma), -1, 0), np.moveaxis(inside, -1, 0)) is None
    assert block_error(*anatomy(sigma)) is None


@pytest.mark.parametrize("step", [8.0, 16.0, 32.0])
def test_blocks_are_found_with_their_error_wherever_they_begin(step: float) -> None:
    image, inside = anatomy()
    made = compressed(image, step)
    error = float(np.sqrt(np.mean(np.square(made - image))))
    for top, left in ((0, 0), (3, 5)):
        found = block_error(made[:, top:72, left:72], inside[:, top:72, left:72])
        assert found == pytest.approx(error, rel=0.4)


def test_the_unit_does_not_count() -> None:
    image, inside = anatomy()
    made = compressed(image, 16)
    found = block_error(made, inside)
    assert found is not None and block_error(1000 * made, inside) == pytest.approx(1000 * found, rel=1e-3)


def test_steps_along_one_axis_are_no_compression() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(500, 8, (4, 72, 72))
    image += np.repeat(rng.normal(0, 30, (4, 9, 72)), 8, axis=1)
    assert block_error(image.astype(np.float32), image > 0) is None


def test_half_of_the_places_are_no_blocks() -> None:
    """An object of few blocks, a row of which is there only for blocks that begin above its middle."""
    image = 500 + 8 * np.random.default_rng(0).standard_normal((4, 24, 24))
    image[:, :12] = 500 + 0.01 * image[:, :12]
    assert block_error(image.astype(np.float32), image > 0) is None


def test_few_blocks_and_an_even_image_have_no_answer() -> None:
    image, inside = anatomy()
    assert block_error(compressed(image, 16)[:1, :24, :24], inside[:1, :24, :24]) is None
    assert block_error(np.ones((2, 40, 40), np.float32), np.ones((2, 40, 40), bool)) is None


@pytest.mark.parametrize("factor", [1, 2])
def test_the_error_is_taken_as_noise(factor: int) -> None:
    truth, inside = body_part()
    y = np.moveaxis(compressed(np.moveaxis(rician(truth, 8), -1, 0), 30), 0, -1)
    out = restore(body_volume(y), load_prior(), factor, adapt=0)
    noise = out.report["noise"]
    assert noise["source"] == "blocks" and noise["sigma"] > 1.4 * noise["network"] and noise["is_white"] is False
    assert any("compressed with loss" in note for note in out.report["notes"])
    if factor == 1:
        assert rmse(out.volume.data, truth, inside) < 0.95 * rmse(y, truth, inside)
