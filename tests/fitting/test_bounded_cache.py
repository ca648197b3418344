# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of what is kept: never more bytes than allowed, the least recently used goes first, and the same numbers."""

from __future__ import annotations

import torch

from monai_strainer.fitting import ErrorField, interpolate
from monai_strainer.fitting.bounded_cache import ROOM, Kept
from monai_strainer.fitting.data_consistency import factor_of, matern
from monai_strainer.physics import Downsample


def ones(n: int) -> torch.Tensor:
    return torch.ones(n, dtype=torch.float64)


def test_bytes_are_bounded_whatever_is_asked_for() -> None:
    kept = Kept(ones, room=1000)
    for n in (10, 50, 100, 20, 124, 126, 3, 90, 10):
        assert torch.equal(kept(n), ones(n)) and kept.size <= 1000


def test_the_least_recently_used_goes_first() -> None:
    kept = Kept(ones, room=30 * 8)
    first, second = kept(10), kept(11)
    assert kept(10) is first
    kept(12)  # there is room for two of the three
    assert kept(10) is first and kept(11) is not second


def test_what_is_larger_than_the_room_puts_nothing_out() -> None:
    kept = Kept(ones, room=100)
    small = kept(5)
    assert kept(500) is not kept(500) and kept(5) is small


def test_nothing_is_left_once_all_is_forgotten() -> None:
    kept = Kept(ones)
    first = kept(4)
    kept.clear()
    assert kept.size == 0 and kept(4) is not first


def test_what_was_made_in_inference_serves_training() -> None:
    kept = Kept(ones)
    with torch.inference_mode():
        kept(3)
    assert not kept(3).is_inference()


def test_many_sizes_of_scans_stay_below_the_bound() -> None:
    kept, made = Kept(lambda n, length: torch.empty(n, n, dtype=torch.float64)), 0  # as large as factors are
    for n in range(64, 640, 4):
        for length in (2.0, 4.0):
            made += kept(n, length).nbytes
            assert kept.size <= ROOM == factor_of.room
            assert kept.size == sum(part.nbytes for part in kept._found.values())
    assert made > 1.5 * ROOM


def test_results_are_the_same_with_and_without() -> None:
    operator, found = Downsample((24, 30), (2, 3)), []
    y = torch.rand(2, *operator.shape_out, generator=torch.Generator().manual_seed(0))
    for _ in range(2):  # the second time with the factors of the first
        x, share = interpolate(operator, y)
        found.append((x, share, ErrorField(operator, y, 1e-3).correct(x).images))
    factor_of.clear()
    found.append((*interpolate(operator, y), ErrorField(operator, y, 1e-3).correct(x).images))
    for parts in zip(*found):
        assert all(torch.equal(part, parts[0]) for part in parts)
    assert torch.equal(factor_of(24, 4.0), matern(24, 4.0))
