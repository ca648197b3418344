# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What is kept of a training is taken up by the same run, and refused to another."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from monai_strainer.bundle.keeping import Keeping
from monai_strainer.errors import InputError

CPU = torch.device("cpu")


def keeping(file: Path, seed: int = 0, writes: bool = True) -> Keeping:
    network = nn.Linear(2, 1)
    adam = torch.optim.Adam(network.parameters())
    made = Keeping(network, adam, torch.optim.lr_scheduler.StepLR(adam, 1), writes)
    made.file, made.identity = file, {"seed": seed}
    return made


def engine() -> Any:
    sampler = SimpleNamespace(shown=0)
    state = SimpleNamespace(iteration=0, epoch=0, epoch_length=3)
    return SimpleNamespace(state=state, data_loader=SimpleNamespace(sampler=sampler, batch_size=2))


def test_a_run_goes_on_with_weights_epoch_and_the_next_tiles(tmp_path: Path) -> None:
    first, second, here = keeping(tmp_path / "a.pt"), keeping(tmp_path / "a.pt"), engine()
    first(SimpleNamespace(state=SimpleNamespace(iteration=6)))
    second.go_on(here, CPU)
    weights = [one.parts["network"].state_dict()["weight"] for one in (first, second)]
    assert torch.equal(*weights)
    assert (here.state.iteration, here.state.epoch, here.data_loader.sampler.shown) == (6, 2, 12)
    with pytest.raises(InputError, match="was made with"):
        keeping(tmp_path / "a.pt", seed=1).go_on(engine(), CPU)


def test_only_one_process_writes(tmp_path: Path) -> None:
    keeping(tmp_path / "a.pt", writes=False)(SimpleNamespace(state=SimpleNamespace(iteration=6)))
    assert not list(tmp_path.iterdir())
