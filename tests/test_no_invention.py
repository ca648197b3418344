# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What no head has is kept, and nothing is made of noise: a lesion, letters and noise are put into a real brain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from monai_strainer import Grid, Prior, RicianNoise, Volume, load_prior, read, restore
from monai_strainer.cohorts.read import split_scans
from monai_strainer.evaluation.baselines import cubic
from monai_strainer.physics import Downsample

SLICES = slice(70, 75)
LETTERS = (  # "STAY" on a grid of 5 rows
    ".####.#####..###..#...#",
    ".#......#...#...#..#.#.",
    "..###...#...#####...#..",
    ".....#..#...#...#...#..",
    ".####...#...#...#...#..",
)
Image = NDArray[np.float32]


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


@pytest.fixture(scope="module")
def brain(oasis: Path) -> Volume:
    """Five axial slices through the middle of a brain that trained nothing; sides divide by four."""
    scan = read(split_scans(oasis)[1][0])
    axis = scan.grid.axis_of("axial")
    data = scan.slices(axis)[SLICES, : scan.grid.shape[0] // 4 * 4, : scan.grid.shape[1] // 4 * 4]
    data = np.ascontiguousarray(np.moveaxis(data, 0, axis))
    return Volume(data, Grid(data.shape, scan.grid.affine), slice_axis=axis)


def top(brain: Volume) -> float:
    return float(np.percentile(brain.data[brain.data > 0], 99.5))


def restored(truth: Image, brain: Volume, prior: Prior, factor: int, noise: float, method: str = "auto") -> Image:
    """Measure and restore; the noise is a share of the brain's brightness, the same for all."""
    shape = tuple(n if k == brain.slice_axis else n // factor for k, n in enumerate(truth.shape))
    seen = Downsample.onto(truth.shape, shape).A(torch.from_numpy(truth))
    y = RicianNoise(noise * top(brain)).sample(seen, torch.Generator().manual_seed(0)).numpy()
    scan = Volume(y, brain.grid.resize(shape), slice_axis=brain.slice_axis)
    return restore(scan, prior, factor, sigma=noise * top(brain), method=method).volume.data


def spot(brain: Volume, radius: float) -> NDArray[np.bool_]:
    """A ball in the white matter of one side."""
    middle = np.array([0.35 * brain.data.shape[0], 0.55 * brain.data.shape[1], 2])
    return np.square(np.indices(brain.data.shape) - middle[:, None, None, None]).sum(0) <= radius**2


@pytest.mark.parametrize("method", ["amortised", "plug_and_play"])
@pytest.mark.parametrize(("factor", "noise"), [(2, 0.003), (1, 0.05)])
@pytest.mark.parametrize("level", [0.2, 1.3])
def test_a_lesion_stays(level: float, factor: int, noise: float, method: str, brain: Volume, prior: Prior) -> None:
    where, core = spot(brain, 4), spot(brain, 2)
    truth = np.where(where, np.float32(level * top(brain)), brain.data)
    with_it = restored(truth, brain, prior, factor, noise, method)
    without = restored(brain.data, brain, prior, factor, noise, method)
    kept = (with_it - without)[core].mean() / (truth - brain.data)[core].mean()
    assert 0.85 < kept < 1.15


def test_a_lesion_leaves_no_ghost_on_the_other_side(brain: Volume, prior: Prior) -> None:
    truth = np.where(spot(brain, 4), np.float32(1.3 * top(brain)), brain.data)
    change = restored(truth, brain, prior, 2, 0.003) - restored(brain.data, brain, prior, 2, 0.003)
    assert np.abs(change[spot(brain, 14)]).max() > 0.3 * top(brain)
    assert np.abs(change[~spot(brain, 14)]).max() < 0.03 * top(brain)


def test_letters_are_read_better_than_after_interpolation(brain: Volume, prior: Prior) -> None:
    rows = np.array([[letter == "#" for letter in line] for line in LETTERS])
    text = np.zeros(brain.data.shape, bool)
    block = np.kron(rows, np.ones((2, 2), bool))[..., None]  # strokes of 2 mm: one measured voxel
    r, c = (n // 2 - m // 2 for n, m in zip(text.shape[:2], block.shape[:2]))
    text[r : r + block.shape[0], c + 1 : c + 1 + block.shape[1]] = block
    truth = np.where(text, np.float32(0.1 * top(brain)), brain.data)
    ours = restored(truth, brain, prior, 2, 0.003)
    low = Downsample.onto(truth.shape, (truth.shape[0] // 2, truth.shape[1] // 2, 5)).A(torch.from_numpy(truth))
    theirs = np.moveaxis(cubic(np.moveaxis(low.numpy(), 2, 0), truth.shape[:2]), 0, 2)
    window = np.zeros_like(text)
    window[r : r + block.shape[0], c + 1 : c + 1 + block.shape[1]] = True
    error = [np.square(image - truth)[window].mean() for image in (ours, theirs)]
    assert error[0] < error[1]


def test_no_anatomy_is_made_of_noise(brain: Volume, prior: Prior) -> None:
    """The head around it is true; one slice is noise. Neither it nor its neighbours become what the other is."""
    rng = np.random.default_rng(0)
    truth = brain.data.copy()
    inside = truth[:, :, 2] > 0
    truth[:, :, 2][inside] = 0.5 * top(brain) * (1 + 0.3 * rng.standard_normal(int(inside.sum()))).clip(0)
    out = restored(truth, brain, prior, 2, 0.003)

    def alike(a: Image, b: Image) -> float:
        return float(np.corrcoef(a[inside], b[inside])[0, 1])

    assert alike(out[:, :, 2], truth[:, :, 2]) > 0.4  # half of its frequencies were measured
    assert abs(alike(out[:, :, 2], brain.data[:, :, 2])) < 0.1
    for k in (1, 3):
        assert alike(out[:, :, k], brain.data[:, :, k]) > 0.97
