# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Say how a training runs: seed, device, checkpoint, how it is resumed, and what it calls at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..storage.checkpoints import resume_from, save_checkpoint

__all__ = ["ONCE", "Run"]

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Run:
    """A run of a training.

    Args:
        seed: of initialisation and draws; the same seed gives the same bytes on one CPU.
        device: where to train.
        checkpoint: file to write every ``every`` steps and at the end, whole or not at all; None keeps nothing.
        every: steps between two checkpoints.
        resume: go on from the checkpoint if it is there, bit for bit on a CPU.
        on_step: called with the step and its loss.

    Example:
        >>> Run(seed=1).resumed({"steps": 3}) is None
        True
    """

    seed: int = 0
    device: str | torch.device = "cpu"
    checkpoint: Path | None = None
    every: int = 250
    resume: bool = False
    on_step: Callable[[int, float], None] | None = None

    def drawn(self, make: Callable[[], Network]) -> Network:
        """Draw a network from the seed, and leave the generator of the process as it was.

        Args:
            make: gives the network.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return make()

    def resumed(self, identity: dict[str, Any]) -> dict[str, Any] | None:
        """Return what was kept, or None where the run starts from the beginning.

        Args:
            identity: recipe, seed and sizes: what identifies this run.

        Raises:
            InputError: the checkpoint belongs to another run.
        """
        return resume_from(self.checkpoint, identity, torch.device(self.device)) if self.resume else None

    def done(
        self, step: int, loss: Tensor | float, steps: int, identity: dict[str, Any], state: Callable[[], dict[str, Any]]
    ) -> None:
        """Inform of a step, and keep the training where it is due.

        Args:
            step: that is done, from 0.
            loss: of it; read back from the device only where somebody asks for it.
            steps: of the whole training.
            identity: see :meth:`resumed`.
            state: gives the tensors and plain values to keep.
        """
        if self.on_step is not None:
            self.on_step(step, float(loss))
        if self.checkpoint is not None and ((step + 1) % self.every == 0 or step + 1 == steps):
            save_checkpoint(self.checkpoint, identity, step + 1, **state())


ONCE = Run()
