# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of a pass by fits of the coordinate network: grid of the result, deviation, progress to the last slice."""

from __future__ import annotations

import numpy as np
from phantoms import small_head, small_prior

from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.fitting import FitOptions
from monai_strainer.physics import Profile, RicianNoise
from monai_strainer.restoring.coordinate_pass import coordinate_pass
from monai_strainer.restoring.pass_context import PassContext


def test_a_pass_refines_its_plane_and_says_how_sure_it_is() -> None:
    scan, calls = small_head((18, 20, 6)), []
    pose = find_pose(foreground(scan.data), scan.grid)
    context = PassContext(
        small_prior(), pose, 600.0, RicianNoise, Profile(), fit=FitOptions(steps=2),
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    found = coordinate_pass(scan, 2, (2.0, 2.0, 1.0), 0.02, context)
    assert found.volume.data.shape == found.std.shape == (36, 40, 6)
    np.testing.assert_allclose(found.volume.grid.corners(), scan.grid.corners(), atol=1e-6)
    assert found.std.min() > 0 and found.volume.data.min() >= 0
    assert calls[-1] == (6, 6) and found.report.method == "coordinates" and len(found.report.best_step) == 6
