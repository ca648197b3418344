# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of brightness between stacks: a smooth gain is removed, and a dark band does not count."""

from __future__ import annotations

from dataclasses import replace

import torch
from stacks import GRID, MOTIONS, three

from monai_strainer.fitting.stack_registration import Stack
from monai_strainer.fitting.stack_shading import evened
from monai_strainer.geometry import Grid


def stacks() -> tuple[Stack, Stack]:
    """Two stacks that are aligned, of about [0, 1]."""
    found = [
        Stack(torch.from_numpy(one.data / 900), one.grid, one.slice_axis, 8 / 900, motion=torch.tensor(q).numpy())
        for one, q in zip(three()[:2], MOTIONS)
    ]
    return found[0], found[1]


def test_a_smooth_gain_is_removed() -> None:
    first, second = stacks()
    gain = torch.linspace(0.8, 1.2, second.y.shape[0])[:, None, None]
    bright = Stack(second.y * gain, second.grid, second.slice_axis, second.sigma, motion=second.motion)
    wanted, found = second.y, evened(bright, first, GRID)
    inside = wanted > 0.4
    before, after = ((y - wanted)[inside].abs().mean() for y in (bright.y, found.y))
    assert after < 0.35 * before
    assert found.trusted is not None and found.trusted[inside].mean() > 0.99


def test_a_dark_band_does_not_count() -> None:
    first, second = stacks()
    dark = second.y.clone()
    dark[:20] *= 0.1
    found = evened(Stack(dark, second.grid, second.slice_axis, second.sigma, motion=second.motion), first, GRID)
    body = second.y > 0.4
    assert found.trusted is not None
    assert found.trusted[:14][body[:14]].mean() < 0.05 and found.trusted[28:][body[28:]].mean() > 0.95


def test_beyond_the_field_of_view_of_the_first_nothing_changes() -> None:
    first, second = stacks()
    depth = first.y.shape[2] // 2
    place = Grid((GRID.shape[0], GRID.shape[1], GRID.shape[2] // 2), GRID.affine)
    width, height, _ = first.y.shape
    short = replace(first, y=first.y[:, :, :depth], grid=Grid((width, height, depth), first.grid.affine))
    found = evened(second, short, place)
    body = second.y > 0.4
    assert found.trusted is not None and found.trusted[body].mean() > 0.99
    assert (found.y / second.y)[body].sub(1).abs().max() < 0.06


def test_voxels_that_did_not_count_before_do_not_count_after() -> None:
    first, second = stacks()
    counts = torch.ones_like(second.y)
    counts[:, :, 5] = 0
    found = evened(replace(second, trusted=counts), first, GRID)
    assert found.trusted is not None and float(found.trusted[:, :, 5].max()) == 0 < float(found.trusted.max())
