# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of sparse k-space: what is kept is kept, what is left out is zero, and a scanner's choice adds up."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from monai_strainer.errors import InputError
from monai_strainer.physics import KSpaceLines, random_lines


def image(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("n", [8, 9])
@pytest.mark.parametrize("axis", [0, 1])
def test_measured_lines_stay_and_all_others_are_zero(n: int, axis: int) -> None:
    kept = random_lines(n, 2, centre=0.2, seed=1)
    shape = (n, 6) if axis == 0 else (6, n)
    x = image(*shape)
    before, after = (
        torch.fft.fftshift(torch.fft.fft(z, dim=axis), axis) for z in (x, KSpaceLines(shape, axis, kept)(x))
    )
    k = torch.arange(n) - n // 2
    known = torch.stack([kept[(k == a) | (k == -a)].any() for a in k])  # a real image's other half comes with it
    known = known.reshape((n, 1) if axis == 0 else (1, n))
    torch.testing.assert_close(after, before * known, atol=1e-4, rtol=1e-4)


def test_it_is_a_projection() -> None:
    operator = KSpaceLines((9, 8), 1, random_lines(8, 2, centre=0.2))
    x = image(2, 9, 8)
    torch.testing.assert_close(operator(operator(x)), operator(x), atol=1e-5, rtol=1e-4)


def test_all_lines_are_no_change() -> None:
    assert KSpaceLines((9, 8), 1, torch.ones(8)).is_identity


@pytest.mark.parametrize(("n", "factor"), [(176, 4), (208, 3), (209, 2), (60, 1)])
def test_as_many_lines_are_chosen_as_are_asked_for_and_the_middle_is_among_them(n: int, factor: float) -> None:
    kept = random_lines(n, factor)
    assert int(kept.sum()) == round(n / factor)
    assert bool(kept[(torch.arange(n) - n // 2).abs() <= 0.04 * n].all())


def test_the_choice_follows_its_seed() -> None:
    assert torch.equal(random_lines(64, 4, seed=1), random_lines(64, 4, seed=1))
    assert not torch.equal(random_lines(64, 4, seed=1), random_lines(64, 4, seed=2))


def test_conjugate_lines_are_chosen_together() -> None:
    kept = random_lines(65, 4)
    assert int((kept != kept.flip(0)).sum()) <= 2  # the last pair may be half of one


@pytest.mark.parametrize("kept", [torch.ones(7), torch.zeros(8)], ids=["another number", "none"])
def test_lines_that_do_not_fit_are_refused(kept: Tensor) -> None:
    with pytest.raises(InputError, match="one mark per line"):
        KSpaceLines((9, 8), 1, kept)


def test_an_axis_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="no axis 2"):
        KSpaceLines((9, 8), 2, torch.ones(8))


@pytest.mark.parametrize(("factor", "centre"), [(0.5, 0.08), (4, 0.5)])
def test_a_choice_that_cannot_be_is_refused(factor: float, centre: float) -> None:
    with pytest.raises(InputError, match="not possible together"):
        random_lines(64, factor, centre)
