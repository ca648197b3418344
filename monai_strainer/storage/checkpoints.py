# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Keep checkpoints of a training: written whole or not at all, and read only by the run that they belong to."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from .atomic import atomic

__all__ = ["read_checkpoint", "resume_from", "save_checkpoint"]


def save_checkpoint(path: Path, identity: dict[str, Any], step: int, **state: Any) -> None:
    """Write what a training needs to go on after ``step`` steps.

    Args:
        path: the file; a reader sees the old one or the new one.
        identity: recipe, seed and sizes: what identifies this run.
        step: steps done.
        state: tensors and plain values.
    """
    packed = io.BytesIO()  # torch, given a file on a full disk, hides the system's reason
    torch.save({"identity": identity, "step": step, **state}, packed)
    with atomic(path) as temporary:
        temporary.write_bytes(packed.getbuffer())


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint: ``identity``, ``step`` and the state.

    Args:
        path: that :func:`save_checkpoint` wrote.
        device: where the tensors go.
    """
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def resume_from(path: Path | None, identity: dict[str, Any], device: torch.device) -> dict[str, Any] | None:
    """Read the checkpoint of a run; return None where there is none.

    Args:
        path: that :func:`save_checkpoint` wrote; None has none.
        identity: recipe, seed and sizes: what identifies the run.
        device: where the tensors go.

    Raises:
        InputError: the checkpoint belongs to another run.
    """
    if path is None or not path.exists():
        return None
    state = read_checkpoint(path, device)
    if state["identity"] != identity:
        finding = f"{path.name} was made with {state['identity']}, not {identity}"
        raise InputError(finding, "start again without --resume, or use the same scans, recipe, seed and network")
    logging.getLogger("monai_strainer").info("%s: goes on after step %d", path.name, state["step"])
    return state
