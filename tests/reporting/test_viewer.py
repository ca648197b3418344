# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the viewer shows is where the affine says it is, and its residual is that of the run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from atlas_reader import voxels_of
from phantoms import affine_of, small_head, small_prior, turn

from monai_strainer import Grid, Profile, Volume, restore
from monai_strainer.physics import Separable
from monai_strainer.reporting.viewer import maps_of, measured_again, planes_of, viewer_data
from monai_strainer.restoring.report import Profiled


@pytest.mark.parametrize("kind", ["box", "gaussian", "kspace"])
def test_the_residual_is_that_of_the_run(kind: str) -> None:
    rng = np.random.default_rng(0)
    out = Volume(rng.random((16, 18, 6)).astype(np.float32), Grid((16, 18, 6), np.diag([1.0, 1, 3, 1])))
    profile = Profile(kind, 0.6)
    data = profile((16, 18, 6), (8, 9, 6)).A(torch.from_numpy(out.data)).numpy()
    scan = Volume(data, out.grid.resize((8, 9, 6)))
    flat = Profile(kind)((16, 18, 6), (8, 9, 6)).A(torch.from_numpy(out.data)).numpy()
    assert np.allclose(measured_again(scan, out, Profiled(kind=kind, ratio=1.0)), flat, atol=1e-6)
    thick = Volume(
        Profile(kind, 0.6)((16, 18, 6), (16, 18, 2)).A(torch.from_numpy(out.data)).numpy(),
        out.grid.resize((16, 18, 2)),
        slice_axis=2,
    )
    fine = Volume(out.data, out.grid, slice_axis=2)
    assert np.allclose(measured_again(thick, fine, Profiled(kind=kind, ratio=0.6)), thick.data, atol=1e-6)


def test_the_residual_of_a_zero_filled_axis_is_that_of_a_cut_in_k_space() -> None:
    out = Volume(np.random.default_rng(0).random((16, 18, 6)).astype(np.float32), Grid((16, 18, 6), np.eye(4)))
    scan = Volume(np.zeros((8, 18, 6)), out.grid.resize((8, 18, 6)))
    cut = Profile("kspace")((16, 18, 6), (8, 18, 6)).A(torch.from_numpy(out.data)).numpy()
    assert np.allclose(measured_again(scan, out, Profiled(kind="box", ratio=1.0), (0,)), cut, atol=1e-6)


def test_the_residual_map_is_grey_where_the_run_explains_the_data() -> None:
    rng = np.random.default_rng(0)
    out = Volume(rng.random((16, 18, 12)).astype(np.float32), Grid((16, 18, 12), np.eye(4)), slice_axis=2)
    profile = Profile("gaussian", 0.6)
    data = Separable([16, 18, profile.matrix(12, 6)]).A(torch.from_numpy(out.data)).numpy()
    data[2:14, 4:14, 3] += 0.5  # what no result explains
    scan = Volume(data, out.grid.resize((16, 18, 6)), slice_axis=2)
    report = restore(small_head(), small_prior(), 1, steps=0).details
    report = replace(report, profile=Profiled(kind="gaussian", ratio=0.6))
    shown = maps_of(scan, out, 0 * out.data, report, None)
    assert [one.key for one in shown] == ["std", "residual"]
    found = voxels_of(shown[1].atlas)
    assert found[3, 5:13, 3:13].min() > 235
    assert np.abs(found[[0, 1, 2, 4, 5]].astype(int) - 127).max() < 12


def test_planes_say_where_their_slices_are() -> None:
    grid = Grid((10, 12, 14), affine_of(turn(8, 1) @ np.diag([-1.0, 1.5, 2.0]), (3, -7, 11)))
    for plane in planes_of(grid, 2):
        axis = grid.axis_of(plane["name"])
        middle = [(n - 1) / 2 for n in grid.shape]
        for k in (0, grid.shape[axis] - 1):
            middle[axis] = k
            where = (grid.affine @ [*middle, 1])["xyz".index(plane["letter"])]
            assert plane["first"] + k * plane["step"] == pytest.approx(where)


def test_a_slab_is_not_shown_from_the_side_where_it_is_a_line() -> None:
    thin = Grid((22, 26, 2), np.diag([6.0, 6.5, 5.0, 1]))
    assert [plane["name"] for plane in planes_of(thin, 2)] == ["axial"]
    thick = Grid((22, 26, 12), np.diag([6.0, 6.5, 5.0, 1]))
    assert [plane["name"] for plane in planes_of(thick, 2)] == ["axial", "coronal", "sagittal"]


def test_a_block_of_a_scan_is_not_shown_as_a_line_whatever_its_slice_axis() -> None:
    block = Grid((60, 80, 6), np.eye(4))
    assert [plane["name"] for plane in planes_of(block, 0)] == ["axial"]
    rod = Grid((60, 6, 6), np.eye(4))
    assert [plane["name"] for plane in planes_of(rod, 2)] == ["sagittal"]  # a square
    strip = Grid((100, 20, 2), np.eye(4))
    assert [plane["name"] for plane in planes_of(strip, 2)] == ["axial"]  # all are lines


def test_one_slice_is_one_plane() -> None:
    scan = Volume(np.ones((40, 48, 1)), Grid((40, 48, 1), np.diag([1.0, 1.0, 5.0, 1])))
    planes = planes_of(scan.grid, scan.slice_axis)
    assert [(plane["name"], plane["count"]) for plane in planes] == [("axial", 1)]
    assert planes[0]["ratio"] == pytest.approx(20 / 24)


def test_input_and_result_share_black_and_white() -> None:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior(), 1, steps=0)
    volumes = viewer_data({"input": scan}, out.volume, maps_of(scan, out.volume, out.std, out.details, None))["volumes"]
    assert [volumes["input"][end] for end in ("low", "high")] == [volumes["result"][end] for end in ("low", "high")]
    assert volumes["input"]["low"] == 0 and volumes["residual"]["low"] == -volumes["residual"]["high"]
