# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of a stack whose slices moved: the adjoint, the stack operator where none moved, and slices on their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import affine_of, turn

from monai_strainer.geometry import Grid
from monai_strainer.physics import Profile, StackOperator
from monai_strainer.physics.slice_operator import SliceOperator

VOLUME = Grid((16, 15, 14), affine_of(np.eye(3), (-8, -7, -7)))
STACK = Grid((12, 4, 10), affine_of(turn(20, 0) @ np.diag([1.2, 3.0, 1.2]), (-7, -6, -6)))
STILL = np.zeros((4, 6))
MOVED = np.random.default_rng(0).normal(0, 2, (4, 6))
BULK = [2.0, -1.0, 3.0, 1.0, 0.5, -1.0]


@pytest.mark.parametrize("profile", [Profile(), Profile("gaussian"), Profile("box", 1.5)])
def test_the_adjoint_is_the_transpose(profile: Profile) -> None:
    draw = torch.Generator().manual_seed(0)
    operator = SliceOperator(VOLUME, STACK, 1, profile, BULK, MOVED)
    x = torch.randn(2, *VOLUME.shape, generator=draw, dtype=torch.float64)
    y = torch.randn(2, *STACK.shape, generator=draw, dtype=torch.float64)
    assert torch.allclose((operator.A(x) * y).sum(), (operator.adjoint(y) * x).sum(), rtol=1e-9)


@pytest.mark.parametrize("profile", [Profile(), Profile("gaussian")])
def test_slices_that_did_not_move_are_the_stack(profile: Profile) -> None:
    x = torch.rand(VOLUME.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one, whole = SliceOperator(VOLUME, STACK, 1, profile, BULK, STILL), StackOperator(VOLUME, STACK, 1, profile, BULK)
    inner = slice(None) if profile.kind == "box" else slice(1, -1)  # a stack cuts profiles off at its ends
    assert torch.allclose(one.A(x)[:, inner], whole.A(x)[:, inner], atol=1e-3)


def test_the_motion_of_a_slice_changes_that_slice_alone() -> None:
    x = torch.rand(VOLUME.shape, generator=torch.Generator().manual_seed(0))
    one = STILL.copy()
    one[2] = [5, 0, 0, 0, 1, 0]
    change = (SliceOperator(VOLUME, STACK, 1, Profile(), BULK, one).A(x)
              - SliceOperator(VOLUME, STACK, 1, Profile(), BULK, STILL).A(x)).abs().amax((0, 2))  # fmt: skip
    assert change[2] > 0.05 and change[[0, 1, 3]].max() == 0
