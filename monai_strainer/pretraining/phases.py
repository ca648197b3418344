# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run a training in phases: each logs its start, keeps its finished result, and is passed over in a resumed run.

A phase that takes minutes after hours of training must not be lost with them, and must not be silent. Lines go to the
logger ``monai_strainer``; the command line shows them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..storage.checkpoints import read_checkpoint, save_checkpoint

__all__ = ["Phase", "announce", "digest_of_arrays", "digest_of_weights"]

_logger = logging.getLogger("monai_strainer")


def announce(text: str) -> None:
    """Say what a training does now, in one line."""
    _logger.info(text)


@dataclass(frozen=True)
class Phase:
    """A piece of a training that is done once.

    Args:
        title: what it is, in words.
        identity: digests and numbers that the result depends on; a result with another identity is made again.
        checkpoint: file for the finished result, written whole or not at all; None keeps nothing.
        resume: take a finished result from that file if it is there.

    Example:
        >>> Phase("statistics of the heads", {"seed": 0}).result(lambda: {"heads": 3})
        {'heads': 3}
    """

    title: str
    identity: dict[str, Any]
    checkpoint: Path | None = None
    resume: bool = False

    def result(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the finished result: from the file, or made now and kept.

        Args:
            make: gives tensors and plain values by name.

        Returns:
            what ``make`` gave, now or in the run before.
        """
        if self.resume and self.checkpoint is not None and self.checkpoint.exists():
            kept = read_checkpoint(self.checkpoint, torch.device("cpu"))
            if kept["identity"] == self.identity:
                announce(f"{self.title}: done before")
                return dict(kept["result"])
        announce(self.title)
        result = make()
        if self.checkpoint is not None:
            save_checkpoint(self.checkpoint, self.identity, 1, result=result)
        return result


def digest_of_arrays(*arrays: np.ndarray) -> str:
    """One sha256 of the shapes, types and bytes of arrays; large ones may be memory maps and are read row by row."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        for row in array:
            digest.update(np.ascontiguousarray(row).tobytes())
    return digest.hexdigest()


def digest_of_weights(network: nn.Module) -> str:
    """One sha256 of the names and values of a network's weights."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
