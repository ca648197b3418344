# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Methods of the benchmark: where their networks start, and to which tasks they apply."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.evaluation.degraded_case import degrade
from monai_strainer.evaluation.methods import NETWORKS, TASKS, initial_network, is_denoising, run_method
from monai_strainer.priors.prior import Prior
from monai_strainer.volume import Volume

SMALL = {"hidden_channels": 16, "num_layers": 3}


def same(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("method", "encoder", "readout"),
    [
        ("coordinates", True, True),
        ("strainer_paper", True, False),
        ("cold", False, False),
        ("siren", False, False),
    ],
)
def test_a_network_starts_from_the_parts_of_the_prior_that_its_method_takes(
    method: str, encoder: bool, readout: bool
) -> None:
    network = Prior.cold(1, **SMALL).network
    begin = initial_network(method, network, seed=2)
    assert method in NETWORKS
    assert same(begin.encoder, network.encoder) is encoder
    assert same(begin.readout, network.readout) is readout


def test_tasks_that_only_add_noise_are_those_without_larger_voxels() -> None:
    assert [task for task in TASKS if is_denoising(task)] == ["denoise3", "denoise9"]


@pytest.mark.parametrize(
    ("method", "task", "applies"),
    [
        ("input", "denoise3", True),
        ("input", "x2", False),
        ("cubic", "x2", True),
        ("cubic", "denoise3", False),
        ("cubic", "fit", False),
        ("ours", "x2", False),  # this prior has no detail network
    ],
)
def test_a_method_gives_images_of_the_tasks_that_it_applies_to(
    phantom: Volume, method: str, task: str, applies: bool
) -> None:
    prior = Prior.cold(1, **SMALL)
    case = degrade(phantom, prior, *TASKS[task], [0.5])
    found = run_method(method, task, case, prior, steps=1, seed=0)
    assert (found is not None) is applies
    if found is not None:
        assert found.pixels.shape == case.truth.shape and found.pixels.min() >= 0
