# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A run: it informs of every step, and keeps what is due."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_strainer.errors import InputError
from monai_strainer.pretraining.run import Run


def test_every_step_is_reported_and_checkpoints_are_written_when_due(tmp_path: Path) -> None:
    seen: list[tuple[int, float]] = []
    kept: list[int] = []
    run = Run(checkpoint=tmp_path / "a.pt", every=2, on_step=lambda step, loss: seen.append((step, loss)))

    def state() -> dict[str, torch.Tensor]:
        kept.append(len(seen))
        return {"w": torch.tensor(float(len(seen)))}

    for step in range(5):
        run.done(step, torch.tensor(0.5), 5, {"seed": 0}, state)
    assert [step for step, _ in seen] == [0, 1, 2, 3, 4] and kept == [2, 4, 5]  # every second, and the last
    again = Run(checkpoint=tmp_path / "a.pt", resume=True)
    found = again.resumed({"seed": 0})
    assert found is not None and found["step"] == 5 and float(found["w"]) == 5
    with pytest.raises(InputError, match="was made with"):
        again.resumed({"seed": 1})


def test_without_a_checkpoint_nothing_is_kept_and_nothing_resumed() -> None:
    def never() -> dict[str, object]:
        raise AssertionError("nothing is to be kept")

    Run().done(0, 0.0, 1, {}, never)
    assert Run(resume=True).resumed({}) is None


def test_a_network_is_drawn_from_the_seed_and_from_nothing_else() -> None:
    before = torch.get_rng_state()
    one, same, other = (Run(seed=seed).drawn(lambda: torch.nn.Linear(3, 2)).weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
