# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of stacks in any direction: the adjoint, agreement with the separable operator, and rigid motions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import affine_of, turn

from monai_strainer.geometry import Grid
from monai_strainer.physics import Profile, StackOperator, rigid_matrix, stack_operator

VOLUME = Grid((20, 18, 16), affine_of(np.eye(3), (-10, -9, -8)))
OBLIQUE = Grid((14, 5, 12), affine_of(turn(25, 0) @ turn(-10, 2) @ np.diag([1.5, 4.0, 1.2]), (-9, -8, -7)))
MOTION = [3.0, -2.0, 5.0, 1.0, -2.0, 0.5]


@pytest.mark.parametrize("stack", [OBLIQUE, VOLUME.resize((20, 18, 4))])
@pytest.mark.parametrize("kind", ["box", "gaussian"])
def test_the_adjoint_is_the_transpose(stack: Grid, kind: str) -> None:
    draw = torch.Generator().manual_seed(0)
    operator = StackOperator(VOLUME, stack, 1, Profile(kind), MOTION)
    x = torch.randn(2, *VOLUME.shape, generator=draw, dtype=torch.float64)
    y = torch.randn(2, *stack.shape, generator=draw, dtype=torch.float64)
    assert torch.allclose((operator.A(x) * y).sum(), (operator.adjoint(y) * x).sum(), rtol=1e-9)


def test_a_stack_on_the_axes_of_the_volume_is_the_separable_operator() -> None:
    x = torch.rand(VOLUME.shape, generator=torch.Generator().manual_seed(0))
    for shape in ((20, 18, 4), (10, 18, 4)):
        stack = VOLUME.resize(shape)
        found, known = StackOperator(VOLUME, stack, 2).A(x), Profile()(VOLUME.shape, shape).A(x)
        assert torch.allclose(found, known, atol=1e-5)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("kind", ["box", "gaussian"])
def test_parallel_axes_in_any_order_are_measured_as_oblique_ones_are(order: tuple[int, ...], kind: str) -> None:
    """One matrix per axis and samples of a fine grid are the same operator, also where a stack leaves the volume."""
    affine = (VOLUME.affine @ np.diag([-1.3, 1.0, 2.6, 1.0]))[:, [*order, 3]]
    affine[:3, 3] = VOLUME.affine[:3, :3] @ [21.3, -1.2, -2.1] + VOLUME.affine[:3, 3]
    stack = Grid((18, 17, 8), affine)
    quick, sampled = (StackOperator(VOLUME, stack, order.index(2), Profile(kind)) for _ in range(2))
    assert quick.parallel is not None
    sampled.parallel = None
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, *VOLUME.shape, generator=draw, dtype=torch.float64)
    y = torch.randn(2, *stack.shape, generator=draw, dtype=torch.float64)
    assert torch.allclose(quick.A(x), sampled.A(x), atol=1e-5)
    assert torch.allclose(quick.adjoint(y), sampled.adjoint(y), atol=1e-5)


def test_points_that_are_sampled_in_parts_are_measured_as_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part reads its own box of the volume."""
    x = torch.rand(2, *VOLUME.shape, generator=torch.Generator().manual_seed(0))
    y = torch.rand(2, *OBLIQUE.shape, generator=torch.Generator().manual_seed(1))
    whole = StackOperator(VOLUME, OBLIQUE, 1, motion=MOTION)
    monkeypatch.setattr(stack_operator, "_CHUNK", 1)
    parts = StackOperator(VOLUME, OBLIQUE, 1, motion=MOTION)
    assert len(whole.chunks) == 1 and len(parts.chunks) == 7
    assert all(one != whole.chunks[0][1] for _, one in parts.chunks)
    assert torch.allclose(parts.A(x), whole.A(x), atol=1e-5)
    assert torch.allclose(parts.adjoint(y), whole.adjoint(y), atol=1e-5)


def test_a_turned_stack_has_no_parallel_axes() -> None:
    assert StackOperator(VOLUME, VOLUME, 2, motion=[0, 0, 0.1, 0, 0, 0]).parallel is None
    assert StackOperator(VOLUME, VOLUME, 2, motion=[0, 0, 0, 0.3, 0, 0]).parallel == (0, 1, 2)


def test_a_linear_image_is_measured_at_the_place_of_the_voxels() -> None:
    """Interpolation and averages keep a plane exactly, so that a stack shows its own coordinates in mm."""
    index = np.indices(VOLUME.shape).reshape(3, -1).T
    world = index @ VOLUME.affine[:3, :3].T + VOLUME.affine[:3, 3]
    operator = StackOperator(VOLUME, OBLIQUE, 1, motion=MOTION)
    counted = operator.A(torch.ones(VOLUME.shape)) > 0.9999
    assert counted.float().mean() > 0.2
    middle = OBLIQUE.corners().mean(0)
    at = np.indices(OBLIQUE.shape).reshape(3, -1).T @ OBLIQUE.affine[:3, :3].T + OBLIQUE.affine[:3, 3]
    moved = at @ rigid_matrix(MOTION, middle)[:3, :3].T + rigid_matrix(MOTION, middle)[:3, 3]
    for axis in range(3):
        shown = operator.A(torch.from_numpy(world[:, axis].reshape(VOLUME.shape)))
        wanted = torch.from_numpy(moved[:, axis].reshape(OBLIQUE.shape))
        assert torch.allclose(shown[counted], wanted[counted], atol=1e-4)


def test_a_rigid_matrix_turns_about_its_centre() -> None:
    matrix = rigid_matrix([0, 0, 30, 0, 0, 0], [4, 5, 6])
    assert np.allclose(matrix @ [4, 5, 6, 1], [4, 5, 6, 1])
    assert np.allclose(matrix[:3, :3], turn(30, 2))
    assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3))
