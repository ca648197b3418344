# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the profiles of an axis: shapes, widths, gaps, and refusals."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from monai_strainer.errors import InputError
from monai_strainer.physics import Blur, Downsample, KSpaceCrop, Profile, Separable, SliceProfile
from monai_strainer.physics.axis_matrices import box_matrix

lengths = st.tuples(st.integers(1, 40), st.integers(1, 40)).map(lambda p: (max(p), min(p)))


def centres(n: int) -> Tensor:
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def the_matrix(operator: Separable) -> Tensor:
    """The only matrix of an operator that acts on one axis."""
    (matrix,) = [m for m in operator.matrices if m is not None]
    return matrix.double()


def test_whole_factors_average_blocks() -> None:
    x = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.avg_pool2d(x[None], (3, 2))[0]
    torch.testing.assert_close(Downsample((6, 8), (3, 2))(x), expected)


@settings(deadline=None, max_examples=25)
@given(lengths)
def test_any_factor_keeps_linear_ramps(pair: tuple[int, int]) -> None:
    fine, coarse = pair
    torch.testing.assert_close(box_matrix(fine, coarse) @ centres(fine), centres(coarse), atol=0.13 / fine, rtol=0)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_downsampling_twice_is_downsampling_once(a: int, b: int, n: int) -> None:
    twice = box_matrix(b * n, n) @ box_matrix(a * b * n, b * n)
    torch.testing.assert_close(twice, box_matrix(a * b * n, n))


def test_downsample_rounds_to_whole_voxels_but_never_to_none() -> None:
    assert Downsample((7, 10), (2.5, 4)).shape_out == (3, 2)
    assert Downsample((2, 2), 9).shape_out == (1, 1)


def test_downsample_onto_reaches_the_shape() -> None:
    for coarse in [(160, 131), (33, 1), (159, 188)]:
        assert Downsample.onto((160, 188) if coarse[0] == 160 else (159, 188), coarse).shape_out == coarse


@pytest.mark.parametrize("fwhm", [1.5, 3.0, 6.0])
def test_gaussians_are_as_wide_as_asked(fwhm: float) -> None:
    blur = the_matrix(Blur((1, 61), (0, fwhm)))[30]
    place = torch.arange(61, dtype=torch.float64) - 30
    assert float((blur * place**2).sum()) == pytest.approx(fwhm**2 / (8 * math.log(2)), rel=0.05)


def test_blurs_add_up_in_quadrature() -> None:
    twice, once = Blur((1, 61), (0, 3)) @ Blur((1, 61), (0, 4)), Blur((1, 61), (0, 5))
    assert isinstance(twice, Separable)
    torch.testing.assert_close(the_matrix(twice)[30], the_matrix(once)[30], atol=1e-3, rtol=0)


def test_slices_without_gap_and_box_profile_are_downsampling() -> None:
    for length in (20, 23):
        slices = SliceProfile((4, length), axis=1, thickness=5, separation=5, kind="box")
        torch.testing.assert_close(the_matrix(slices), the_matrix(Downsample((4, length), (1, 5))).double())


def test_a_box_with_gaps_does_not_see_the_gaps() -> None:
    matrix = the_matrix(SliceProfile((12, 4), axis=0, thickness=2, separation=4, kind="box"))
    third, gap = 1 / 2, 0
    expected = torch.tensor([[gap, third, third, gap] + [0.0] * 8], dtype=torch.float64)
    torch.testing.assert_close(matrix, torch.cat([expected.roll(4 * k, 1) for k in range(3)]))


@pytest.mark.parametrize("kind", ["gaussian", "box"])
def test_slices_are_centred_where_the_grid_says(kind: str) -> None:
    matrix = the_matrix(SliceProfile((40, 4), axis=0, thickness=3, separation=5, kind=kind))  # type: ignore[arg-type]
    torch.testing.assert_close((matrix @ centres(40))[1:-1], centres(8)[1:-1])


def test_slices_thinner_than_a_voxel_are_samples() -> None:
    matrix = the_matrix(SliceProfile((15, 2), axis=0, thickness=0.01, separation=3))
    assert matrix.argmax(1).tolist() == [1, 4, 7, 10, 13] and float(matrix.max(1).values.min()) > 0.99


def test_a_negative_axis_counts_from_the_end() -> None:
    assert SliceProfile((4, 5, 20), axis=-1, thickness=4, separation=4).shape_out == (4, 5, 5)


def test_a_single_voxel_is_what_remains_of_a_short_axis() -> None:
    assert KSpaceCrop((3, 1), 8).shape_out == (1, 1)


@pytest.mark.parametrize("factor", [0, -2, 0.5, float("nan"), float("inf")])
def test_factors_below_one_are_refused(factor: float) -> None:
    for kind in (Downsample, KSpaceCrop):
        with pytest.raises(InputError, match="factor"):
            kind((8, 8), factor)


def test_a_factor_per_axis_must_meet_every_axis() -> None:
    with pytest.raises(InputError, match="3 values of factor for 2 axes"):
        Downsample((8, 8), (2, 2, 2))


@pytest.mark.parametrize("coarse", [(9, 8), (4, 4, 4), (0, 4)])
def test_onto_a_shape_that_is_not_coarser_is_refused(coarse: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"\(8, 8\) cannot be downsampled onto"):
        Downsample.onto((8, 8), coarse)


def test_a_negative_blur_is_refused() -> None:
    with pytest.raises(InputError, match="below 0"):
        Blur((8, 8), -1)


@pytest.mark.parametrize("thickness", [0, -1, float("nan")])
def test_a_slice_without_thickness_is_refused(thickness: float) -> None:
    with pytest.raises(InputError, match="thickness"):
        SliceProfile((8, 8), axis=0, thickness=thickness, separation=2)


def test_a_separation_below_one_voxel_is_refused() -> None:
    with pytest.raises(InputError, match="factor"):
        SliceProfile((8, 8), axis=0, thickness=2, separation=0.5)


def test_an_axis_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="no axis 2"):
        SliceProfile((8, 8), axis=2, thickness=2, separation=2)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(InputError, match="sinc"):
        SliceProfile((8, 8), axis=0, thickness=2, separation=2, kind="sinc")  # type: ignore[arg-type]


def test_profiles_are_the_operators_of_their_kind() -> None:
    fine, measured = (20, 24), (5, 24)
    pairs = [
        (Profile(), Downsample.onto(fine, measured)),
        (Profile("kspace"), KSpaceCrop(fine, (4, 1))),
        (Profile("gaussian", 0.8), SliceProfile(fine, 0, thickness=3.2, separation=4)),
        (Profile("box", 0.5), SliceProfile(fine, 0, thickness=2, separation=4, kind="box")),
    ]
    for profile, operator in pairs:
        torch.testing.assert_close(the_matrix(profile(fine, measured)), the_matrix(operator))


@settings(deadline=None, max_examples=25)
@given(lengths, lengths, st.sampled_from(["box", "gaussian", "kspace"]), st.floats(0.3, 1.5))
def test_a_profile_leads_from_any_shape_to_any_that_is_nowhere_longer(
    rows: tuple[int, int], columns: tuple[int, int], kind: str, ratio: float
) -> None:
    fine, measured = tuple(zip(rows, columns))
    operator = Profile(kind, ratio)(fine, measured)  # type: ignore[arg-type]
    assert operator.shape_in == fine and operator.shape_out == measured
    assert [m is None for m in operator.matrices] == [n == m for n, m in zip(fine, measured)]
    torch.testing.assert_close(operator.A(torch.ones(fine)), torch.ones(measured), atol=1e-5, rtol=0)


def test_the_ratio_means_nothing_to_k_space() -> None:
    one, two = (Profile("kspace", ratio)((12,), (5,)) for ratio in (0.5, 1.0))
    assert torch.equal(the_matrix(one), the_matrix(two))


@pytest.mark.parametrize("kind", ["box", "gaussian"])
def test_a_thinner_slice_sees_less(kind: str) -> None:
    widths = [float(1 / the_matrix(Profile(kind, r)((60,), (12,)))[6].square().sum()) for r in (0.4, 0.8, 1.2)]  # type: ignore[arg-type]
    assert widths[0] < widths[1] < widths[2]


def test_profiles_are_values() -> None:
    assert Profile("gaussian", 0.8) == Profile("gaussian", 0.8) != Profile("box", 0.8)


def test_a_profile_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="no profile called 'sinc'"):
        Profile("sinc")  # type: ignore[arg-type]


@pytest.mark.parametrize("ratio", [0, -0.5, float("nan"), float("inf")])
def test_a_profile_without_thickness_is_refused(ratio: float) -> None:
    with pytest.raises(InputError, match="not thicker than 0"):
        Profile("box", ratio)


@pytest.mark.parametrize("measured", [(9, 8), (4, 4, 4), (4,), (0, 4)])
def test_a_profile_onto_a_shape_that_is_not_coarser_is_refused(measured: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"no measurement of \(8, 8\)"):
        Profile()((8, 8), measured)


def test_a_restoration_takes_a_profile_by_name() -> None:
    operator = Profile("sinc_pulse", 0.8)((20, 8), (4, 8))
    x = torch.rand(20, 8, generator=torch.Generator().manual_seed(0))
    assert operator.A(x).shape == (4, 8) and float(operator.A(torch.ones(20, 8)).sub(1).abs().max()) < 1e-6
    assert SliceProfile((20, 8), 0, 4, 5, kind="sinc_pulse").shape_out == (4, 8)
