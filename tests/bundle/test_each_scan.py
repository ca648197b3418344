# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Every scan is run by itself: faults are collected, and the others are done."""

from __future__ import annotations

from typing import Any

import pytest
import torch

pytest.importorskip("ignite")

from monai_strainer import InputError
from monai_strainer.bundle.each_scan import run_each


def evaluator(values: list[float], done: list[float]) -> Any:
    """MONAI's evaluator over numbers; a negative one is refused, a zero is a fault."""
    from monai.data import DataLoader, Dataset
    from monai.engines import SupervisedEvaluator

    def infer(inputs: torch.Tensor, network: torch.nn.Module) -> torch.Tensor:
        value = float(inputs)
        if value < 0:
            raise InputError(f"{value:g} is negative", "pass another")
        done.append(1 / value)
        return inputs

    data = [{"image": torch.tensor([value])} for value in values]
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(data), batch_size=1),
        network=torch.nn.Identity(),
        inferer=infer,
        prepare_batch=lambda batch, device, non_blocking: (batch["image"], None),
    )


def test_all_are_run_in_their_order() -> None:
    done: list[float] = []
    run_each(evaluator([1, 2, 4], done))
    assert done == [1, 0.5, 0.25]


def test_refusals_and_faults_are_collected() -> None:
    done: list[float] = []
    with pytest.raises(
        InputError, match=r"2 of 4 scans could not be restored: -1 is negative.*\(ZeroDivisionError"
    ) as caught:
        run_each(evaluator([1, -1, 0, 4], done))
    assert done == [1, 0.25]
    assert "division by zero" not in str(caught.value)  # words of others may name a patient


def test_what_ends_a_single_scan_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        run_each(evaluator([0], []))
