# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read and write weights: tensors only, checked against the network before use."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .errors import InputError
from .io import sha256
from .io.atomic import atomic_files

__all__ = ["bytes_of", "check_weights", "fill_weights", "write_together"]

LARGEST = 256 * 2**20  # bytes of a weights file


def check_weights(state: Any, network: nn.Module, file: Path) -> None:
    """Refuse weights that do not fit a network exactly.

    Raises:
        InputError: not a dictionary of tensors, tensors missing, unknown, of another shape, or not finite.
    """
    remedy = "use a prior made by monai_strainer pretrain with the same architecture"
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError("the weights are not a dictionary of tensors", remedy, file)
    wanted = network.state_dict()
    if missing := sorted(set(wanted) - set(state)):
        raise InputError(f"the weights lack {', '.join(missing[:4])}", remedy, file)
    if extra := sorted(str(name) for name in set(state) - set(wanted)):
        raise InputError(f"the weights hold unknown tensors {', '.join(extra[:4])}", remedy, file)
    for name in [*dict(network.named_parameters()), *dict(network.named_buffers())]:
        value = state[name]
        if value.shape != wanted[name].shape:
            raise InputError(f"{name} is {tuple(value.shape)}, not {tuple(wanted[name].shape)}", remedy, file)
        if not torch.isfinite(value).all():
            raise InputError(
                f"{name} holds values that are not finite", "take the weights from their source again", file
            )
    if "head_covariance" in state and torch.linalg.cholesky_ex(state["head_covariance"].double()).info.item():
        raise InputError("head_covariance is no covariance", "take the weights from their source again", file)


def fill_weights(network: nn.Module, weights: Path, vouched: str | None) -> str:
    """Put the weights of a file into a network, if it is the file that the rules were written for; its sha256."""
    if not weights.is_file():
        raise InputError(f"there is no {weights.name}", "take the bundle from its source again", weights)
    if weights.stat().st_size > LARGEST:
        raise InputError(
            f"the weights take {weights.stat().st_size} bytes", "a prior is a few MB: check the file", weights
        )
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises nearly anything on a damaged or foreign file
        raise InputError(
            f"the weights cannot be read as tensors ({type(error).__name__})",
            "take the file from its source again",
            weights,
        ) from error
    check_weights(state, network, weights)
    digest = sha256(weights)
    if vouched not in (None, digest):
        raise InputError(
            "the weights are not those that the rules were written for",
            f"take {weights.name} and prior.json from one source",
            weights,
        )
    network.load_state_dict(state)
    network.eval()
    return digest


def bytes_of(network: nn.Module) -> bytes:
    """The tensors of a network as they stand in a file; the same weights give the same bytes."""
    packed = io.BytesIO()  # saved to a file, the archive would carry the file's temporary name
    torch.save(
        {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}, packed
    )
    return packed.getvalue()


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write weights and the rules that vouch for them, given last: all of them or, where that fails, none."""
    with atomic_files(list(files)) as temporary:
        for file, data in zip(temporary, files.values()):
            file.write_bytes(data)
