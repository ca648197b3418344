# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of filtering by other contrasts: averages stay, nothing leaks, edges get sharper, disagreement is seen."""

from __future__ import annotations

import torch

from monai_strainer.fitting.guided_filter import MOST, agreement, blended, guided, similar_mean
from monai_strainer.physics import Profile

SHAPE, LOW = (24, 24, 20), (24, 24, 5)
SLICES = Profile()(SHAPE, LOW)


def ball(radius: float, centre: tuple[float, float, float] = (12, 12, 9.5)) -> torch.Tensor:
    """1 inside, 0 outside, with an edge of one voxel."""
    index = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in SHAPE), indexing="ij")
    distance = sum(((x - c) ** 2 for x, c in zip(index, centre)), torch.zeros(SHAPE)).sqrt()
    return (radius + 0.5 - distance).clamp(0, 1)


ONE = torch.ones(LOW)
BODY = 0.4 + 0.3 * ball(8.0) - 0.2 * ball(4.0, (12, 12, 11.5))  # another contrast shows it brighter outside
OTHER = 0.9 - 0.6 * ball(8.0) + 0.3 * ball(4.0, (12, 12, 11.5))


def thick(image: torch.Tensor) -> torch.Tensor:
    """What is left of an image after its slices: each is repeated."""
    return SLICES.A(image).repeat_interleave(4, dim=2)


def error(image: torch.Tensor) -> float:
    return float((image - BODY).square().mean().sqrt())


def test_the_mean_of_neighbours_is_that_of_its_definition() -> None:
    draw = torch.Generator().manual_seed(0)
    image, guide = torch.rand((4, 5, 3), generator=draw), 0.03 * torch.rand((1, 4, 5, 3), generator=draw)
    found = similar_mean(image, guide, (1, 2, 1), 1.5)
    top = bottom = 0.0
    at = (2, 1, 1)
    for i in range(1, 4):
        for j in range(4):  # the image ends below -1
            for k in range(3):
                distance = (i - at[0]) ** 2 + (j - at[1]) ** 2 + (k - at[2]) ** 2
                apart = float(guide[0, i, j, k] - guide[0][at]) ** 2
                weight = float(torch.tensor(-0.5 * distance / 1.5**2 - 0.5 * apart / 0.03**2).exp())
                top, bottom = top + weight * float(image[i, j, k]), bottom + weight
    assert abs(float(found[at]) - top / bottom) < 1e-5


def test_a_prediction_does_not_know_the_voxel_itself() -> None:
    image = torch.zeros(5, 5, 1)
    image[2, 2] = 1
    assert similar_mean(image, image[None][:0], (2, 2, 0), 1.0, include_own=False)[2, 2] == 0


def test_the_other_contrast_makes_edges_sharper() -> None:
    start = thick(BODY)
    without, with_ = (guided(start, some, SLICES, SLICES.A(BODY)) for some in (OTHER[None][:0], OTHER[None]))
    assert error(with_) < 0.5 * min(error(start), error(without))


def test_averages_stay_those_of_the_scan_alone() -> None:
    start = thick(BODY)
    sharper = guided(start, OTHER[None], SLICES, SLICES.A(start))
    assert torch.allclose(SLICES.A(sharper), SLICES.A(start), atol=1e-4)
    trust = torch.rand(LOW, generator=torch.Generator().manual_seed(0))
    mixed = blended(start, torch.ones(SHAPE), sharper, trust, SLICES)
    assert torch.allclose(SLICES.A(mixed), SLICES.A(start), atol=1e-4)
    assert not torch.allclose(mixed, start, atol=0.01)


def test_no_voxel_moves_far_or_below_zero_and_averages_stay() -> None:
    start = thick(BODY) * (ball(8.0) > 0)
    std = torch.full(SHAPE, 0.03)
    mixed = blended(start, std, start + torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)), ONE, SLICES)
    assert float(mixed.min()) >= 0 and float((mixed - start).abs().max()) <= MOST * 0.03 + 1e-6
    assert float((SLICES.A(mixed) - SLICES.A(start)).abs().max()) < 2e-3
    assert torch.equal(blended(start, 0 * std, start + 1, ONE, SLICES), start)


def test_an_object_of_the_other_contrast_alone_adds_nothing_to_uniform_tissue() -> None:
    flat, noise = torch.full(SHAPE, 0.5), 0.01 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    start = thick(flat + noise)
    lesion = 0.3 * ball(3.0)
    results = [guided(start, (0.6 + sign * lesion)[None], SLICES, SLICES.A(start)) for sign in (1, -1)]
    inside = lesion > 0.15
    for one in results:
        assert abs(float((one - start)[inside].mean())) < 0.01 * 0.3
        assert float((one - start).abs().max()) < 0.05 * 0.3
    assert abs(float((results[0] - results[1])[inside].mean())) < 0.01 * 0.3


def test_contrasts_agree_at_the_edges_of_one_object_and_not_at_those_of_another() -> None:
    slices = SLICES.A(BODY) + 0.01 * torch.randn(LOW, generator=torch.Generator().manual_seed(0))
    changes = SLICES.A(BODY)
    edge = torch.zeros(LOW, dtype=torch.bool)
    edge[1:] |= changes.diff(dim=0).abs() > 0.1
    same = agreement(slices, SLICES.A(OTHER)[None], 2)[edge]
    elsewhere = agreement(slices, SLICES.A(0.9 - 0.6 * ball(8.0, (6, 18, 9.5)))[None], 2)[edge]
    assert float(same.mean()) > 0.9 and float(elsewhere.mean()) < 0.1


def test_a_contrast_that_shows_nothing_does_not_agree_at_edges() -> None:
    slices = SLICES.A(BODY) + 0.01 * torch.randn(LOW, generator=torch.Generator().manual_seed(0))
    edge = SLICES.A(BODY).diff(dim=0).abs() > 0.1
    assert float(agreement(slices, torch.full((1, *LOW), 0.5), 2)[1:][edge].mean()) < 0.1


def test_contrasts_do_not_agree_where_one_lacks_an_object() -> None:
    slices = SLICES.A(BODY) + 0.01 * torch.randn(LOW, generator=torch.Generator().manual_seed(0))
    lesion = 0.6 * ball(3.0, (12, 20, 9.5))  # across the edge of the body, there as bright as what lies outside
    there = SLICES.A(lesion) > 0.1
    clean, ill = (agreement(slices, SLICES.A(one)[None], 2)[there] for one in (OTHER, (OTHER + lesion).clamp(max=0.9)))
    assert float(clean.mean()) > 0.8 and float(ill.mean()) < 0.2
