# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A stack of another object is left out and named, or refused where only two are given; one's own never is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from stacks import GRID, MOTIONS, SHAPE, cut, phantom

from monai_strainer import InputError, Volume, load_prior
from monai_strainer.fitting.stack_registration import Aligned, Stack
from monai_strainer.fusing.belonging import Belonging, belonging
from monai_strainer.fusing.fuse import fuse
from monai_strainer.geometry import centres

STILL = [0.0] * 6


def another() -> NDArray[np.float32]:
    """A body of the size of the phantom, with other structures."""
    x, y, z = np.meshgrid(*(centres(n) for n in SHAPE), indexing="ij", sparse=True)
    inside = (x / 0.75) ** 2 + (y / 0.85) ** 2 + (z / 0.8) ** 2 < 1
    texture = ndimage.gaussian_filter(np.random.default_rng(9).standard_normal(SHAPE), 2.5)
    soft = ndimage.gaussian_filter(np.where(inside, 600 + 100 * texture / texture.std(), 0), 1.0)
    return np.where(soft > 5, soft, 0).astype(np.float32)


@pytest.fixture(scope="module")
def own() -> list[Volume]:
    return [cut(phantom(), axis, 3, motion) for axis, motion in zip((2, 1, 0), (STILL, STILL, MOTIONS[2]))]


@pytest.fixture(scope="module")
def stranger() -> Volume:
    return cut(another(), 1, 3, STILL)


def test_a_stack_of_another_object_is_left_out_and_named(own: list[Volume], stranger: Volume) -> None:
    found = fuse([own[0], stranger, own[2]], load_prior(), spacing=4.0, method="kriging").details
    assert found.left_out == (2,) and [one.number for one in found.stacks] == [1, 3]
    assert any("stack 2" in text and "left out" in text and "another person or contrast" in text
               for text in found.warnings)  # fmt: skip
    assert all(one.likeness is not None and one.likeness > 0.88 for one in found.stacks)


def test_two_stacks_of_two_objects_are_refused(own: list[Volume], stranger: Volume) -> None:
    with pytest.raises(InputError, match=r"another person or contrast.*Pass stacks of one person"):
        fuse([own[0], stranger], load_prior(), spacing=4.0, method="kriging")


def test_headers_that_are_believed_leave_nothing_out_but_the_report_says_what_does_not_fit(
    own: list[Volume], stranger: Volume
) -> None:
    found = fuse([own[0], stranger], load_prior(), spacing=4.0, method="kriging", align=False).details
    assert not found.left_out and any("stack 2: it agrees little in detail" in text for text in found.warnings)


@pytest.mark.parametrize(
    ("likeness", "left_out", "doubted"),
    [(0.6, True, True), (0.75, False, True), (0.86, False, True), (0.95, False, False), (None,) * 3],
)
def test_a_likeness_in_between_is_a_doubt(likeness: float | None, left_out: bool, doubted: bool) -> None:
    one = Belonging(likeness)
    assert bool(one.reason) == bool(left_out) and bool(one.caution) == bool(doubted)


def three_stacks(monkeypatch: pytest.MonkeyPatch, second: float, third: float, both: float) -> list[Belonging]:
    """What is decided where the second and the third have such a likeness with the first, and with each other."""
    stacks = [Stack(torch.ones(4, 4, 4), GRID, 2, sigma) for sigma in (0.1, 0.2, 0.3)]
    values = {(0.1, 0.2): second, (0.1, 0.3): third, (0.2, 0.3): both}
    monkeypatch.setattr(
        "monai_strainer.fusing.belonging.local_likeness",
        lambda one, other, place: values[min(one.sigma, other.sigma), max(one.sigma, other.sigma)],
    )
    monkeypatch.setattr("monai_strainer.fusing.belonging.fits_better_mirrored", lambda one, other, place: False)
    return belonging([Aligned(one, True, (0.0, 0.0), 1.0, 1.0) for one in stacks], GRID)


def test_a_stack_that_agrees_with_any_other_of_the_person_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = three_stacks(monkeypatch, 0.95, 0.7, 0.9)
    assert [one.likeness for one in found] == [0.95, 0.95, 0.9] and not any(one.caution for one in found)


def test_a_first_stack_that_is_unlike_two_that_agree_is_the_one_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    found = three_stacks(monkeypatch, 0.75, 0.78, 0.97)
    assert [bool(one.caution) for one in found] == [True, False, False] and found[0].likeness == 0.78


def test_stacks_that_differ_from_the_first_are_left_out_though_they_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [bool(one.reason) for one in three_stacks(monkeypatch, 0.6, 0.6, 0.97)][1:] == [True, True]


def test_a_mirror_image_that_does_not_belong_is_named() -> None:
    assert "left and right are swapped" in Belonging(0.6, mirrored=True).reason
    assert not Belonging(0.75, mirrored=True).reason
