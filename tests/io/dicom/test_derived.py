# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a derived series consists of: positions of its slices, the frames they come from, values that fit 16 bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_files import finer, series

from monai_strainer.io import read
from monai_strainer.io.dicom.derived import derived_of
from monai_strainer.volume import Volume

REPORT = {"scale": [1.0, 1.0, 1.0], "prior_sha256": "0"}


@pytest.fixture
def scan(tmp_path: Path) -> Volume:
    return read(series(tmp_path / "in"))


def test_slices_of_the_same_grid_come_from_the_frame_at_their_position(scan: Volume) -> None:
    made = derived_of(scan, REPORT, 1)
    assert [len(used) for used in made.used] == [1] * scan.grid.shape[2]
    for position, (frame,) in zip(made.positions, made.used):
        np.testing.assert_allclose(position, np.asarray(frame.header.ImagePositionPatient, float), atol=1e-4)


def test_new_slices_come_from_the_two_nearest_frames(scan: Volume) -> None:
    made = derived_of(finer(scan, (1, 1, 2)), REPORT, 1)
    assert {len(used) for used in made.used} == {2} and len(made.positions) == 2 * scan.grid.shape[2]


def test_values_come_back_from_what_is_stored(scan: Volume) -> None:
    for which in (1, 2):
        made = derived_of(scan, REPORT, which)
        again = made.stored * made.slope + made.intercept
        assert np.abs(again - scan.data).max() <= 0.51 * made.slope


def test_the_recipe_depends_on_the_pixels_and_on_the_prior(scan: Volume) -> None:
    other = replace(scan, data=scan.data + np.float32(1))
    first = derived_of(scan, REPORT, 1).recipe
    assert derived_of(scan, REPORT, 1).recipe == first
    changed = (derived_of(other, REPORT, 1), derived_of(scan, {**REPORT, "prior_sha256": "1"}, 1))
    assert all(made.recipe != first for made in (*changed, derived_of(scan, REPORT, 2)))
