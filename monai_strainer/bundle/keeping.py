# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Keep a run of train.json after every epoch, and go on from there bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..storage.checkpoints import resume_from, save_checkpoint

__all__ = ["Keeping"]


class Keeping:
    """Ignite handler: writes network, optimiser and schedule when an epoch ends; one process writes.

    Args:
        network: in training, without what wraps it for several GPUs.
        optimizer: of its weights.
        lr_scheduler: of the optimiser.
        writes: whether this process is the one that writes.
    """

    def __init__(self, network: nn.Module, optimizer: Any, lr_scheduler: Any, writes: bool = True) -> None:
        self.parts = {"network": network, "optimiser": optimizer, "schedule": lr_scheduler}
        self.writes, self.file = writes, Path()
        self.identity: dict[str, Any] = {}

    def attach(self, engine: Any) -> None:
        """Run when an epoch ends."""
        from ignite.engine import Events

        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Any) -> None:
        if self.writes and self.file.name:
            state = {name: part.state_dict() for name, part in self.parts.items()}
            save_checkpoint(self.file, self.identity, engine.state.iteration, **state)

    def go_on(self, engine: Any, device: torch.device) -> None:
        """Take up what was kept: the weights, the schedule, and the next tiles.

        Args:
            engine: MONAI's ``SupervisedTrainer``; its sampler counts what it has shown.
            device: of the network.

        Raises:
            InputError: what was kept belongs to another run.
        """
        sampler = engine.data_loader.sampler
        if not hasattr(sampler, "shown") or (state := resume_from(self.file, self.identity, device)) is None:
            return
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        engine.state.iteration = state["step"]
        engine.state.epoch = state["step"] // engine.state.epoch_length
        sampler.shown = state["step"] * engine.data_loader.batch_size
