# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Learning rates fall from one to what is asked, and are set where they are read."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from monai_strainer.optim.schedules import falling, rate_on, set_rate


@pytest.mark.parametrize("last", [0.0, 0.03, 1.0])
def test_a_rate_falls_all_the_way_and_never_rises(last: float) -> None:
    curve = [falling(step, 20, last) for step in range(21)]
    assert curve[0] == pytest.approx(1) and curve[-1] == pytest.approx(last)
    assert all(later <= sooner for sooner, later in pairwise(curve))


def test_a_tensor_stays_where_it_is() -> None:
    rate = torch.tensor(0.5)
    engine = torch.optim.Adam([torch.zeros(1, requires_grad=True)], rate)
    set_rate(engine, 0.25)
    assert engine.param_groups[0]["lr"] is rate and float(rate) == 0.25


def test_a_number_is_a_number_on_a_cpu() -> None:
    assert rate_on(torch.device("cpu"), 0.5) == 0.5
    engine = torch.optim.Adam([torch.zeros(1, requires_grad=True)], 0.5)
    set_rate(engine, 0.25)
    assert engine.param_groups[0]["lr"] == 0.25
