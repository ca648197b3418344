# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read and write weights: tensors only, checked against the network before use."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..errors import InputError
from .atomic import atomic_files
from .provenance import sha256

__all__ = ["UNREADABLE", "bytes_of", "check_weights", "fill_weights", "outlined", "read_weights", "write_together"]

LARGEST = 256 * 2**20  # bytes of a weights file
DRAWS = (
    *(nn.init.normal_, nn.init.uniform_, nn.init.kaiming_normal_, nn.init.kaiming_uniform_),
    *(torch.Tensor.normal_, torch.Tensor.uniform_),
)
COUNTS = ("num_layers", "layers", "blocks")  # sizes that say how often: every time has tensors of its own
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError, RuntimeError)
"""What rules that are none may raise on their way to a network."""
_Network = TypeVar("_Network", bound=nn.Module)


def check_weights(state: Any, network: nn.Module, file: Path) -> None:
    """Refuse weights that do not fit a network exactly.

    Args:
        state: what the file holds.
        network: that takes the weights.
        file: for messages.

    Raises:
        InputError: not a dictionary of tensors, tensors missing, unknown, of another shape, or not finite.
    """
    _check_tensors(state, file)
    remedy, wanted = _REMEDY, network.state_dict(keep_vars=True)
    if missing := sorted(set(wanted) - set(state)):
        raise InputError(f"the weights lack {', '.join(missing[:4])}", remedy, file)
    if extra := sorted(str(name) for name in set(state) - set(wanted)):
        raise InputError(f"the weights hold unknown tensors {', '.join(extra[:4])}", remedy, file)
    for name in sorted(wanted, key=lambda one: not isinstance(wanted[one], nn.Parameter)):  # parameters first
        value = state[name]
        if value.shape != wanted[name].shape:
            raise InputError(f"{name} is {tuple(value.shape)}, not {tuple(wanted[name].shape)}", remedy, file)
        if not torch.isfinite(value).all():
            raise InputError(
                f"{name} holds values that are not finite", "take the weights from their source again", file
            )
    if "head_covariance" in state and torch.linalg.cholesky_ex(state["head_covariance"].double()).info.item():
        raise InputError("head_covariance is not positive definite", "take the weights from their source again", file)


_REMEDY = "use a prior made by monai_strainer pretrain with the same architecture"


def _check_tensors(state: Any, file: Path) -> None:
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError("the weights are not a dictionary of tensors", _REMEDY, file)


def read_weights(weights: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a weights file.

    Raises:
        InputError: no such file, one that is too large or cannot be read, or tensors larger than it.
    """
    if not weights.is_file():
        raise InputError(f"there is no {weights.name}", "take the bundle from its source again", weights)
    if weights.stat().st_size > LARGEST:
        raise InputError(
            f"the weights take {weights.stat().st_size} bytes", "a prior is a few MB: check the file", weights
        )
    held = weights.stat().st_size
    try:
        if zipfile.is_zipfile(weights):
            with zipfile.ZipFile(weights) as packed:
                held = sum(entry.file_size for entry in packed.infolist())
            if held > LARGEST:
                raise ValueError("packed weights that take more than a prior may")
        state: dict[str, torch.Tensor] = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises nearly anything on a file that is damaged or of another kind
        raise InputError(
            f"the weights cannot be read as tensors ({type(error).__name__})",
            "take the file from its source again",
            weights,
        ) from error
    _check_tensors(state, weights)
    if sum(value.nbytes for value in state.values()) > held:  # a view may repeat one number without end
        raise InputError(
            "the weights declare more bytes than their file has", "take the weights from their source again", weights
        )
    return state


def outlined(make: Callable[..., _Network], sizes: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> _Network:
    """Build a network without numbers, of the sizes that the rules name; whatever they are, it takes almost no memory.

    Args:
        make: its class.
        sizes: arguments for it.
        state: the tensors that it is to hold.

    Raises:
        ValueError: the sizes ask for more than the tensors hold. Other errors of the class: the sizes are none.
    """
    levels = sizes.get("channels", 0)
    asked = [sizes.get(name, 0) for name in COUNTS] + [1 if isinstance(levels, int) else len(levels)]
    if max(asked) > len(state):
        raise ValueError("the rules ask for more layers than the weights hold")
    with torch.device("meta"), _Undrawn():
        return make(**sizes)


class _Undrawn(TorchFunctionMode):
    """Within it, numbers are not drawn.

    On tensors without numbers some of these functions load the compiler of PyTorch, which takes longer than a slice.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        return given.get("tensor", *args[:1]) if func in DRAWS else func(*args, **given)


def fill_weights(network: nn.Module, state: dict[str, torch.Tensor], weights: Path, listed: str | None) -> str:
    """Put the tensors of a file into a network, if it is the file that the rules were written for; its sha256.

    Args:
        network: may be one without numbers, as :func:`outlined` gives it; it takes memory once its tensors fit.
        state: what :func:`read_weights` found.
        weights: where.
        listed: sha256 that the rules name, if they do.

    Raises:
        InputError: tensors that do not fit the network, or another file.
    """
    check_weights(state, network, weights)
    digest = sha256(weights)
    if listed not in (None, digest):
        raise InputError(
            f"the checksum of {weights.name} does not match the rules",
            f"take {weights.name} and prior.json from one source",
            weights,
        )
    own = network.state_dict()
    is_outline = any(value.is_meta for value in own.values())  # then the tensors of the file become its own
    state = {name: value.to(own[name].dtype).contiguous() for name, value in state.items()}
    network.load_state_dict(state, assign=is_outline)
    network.eval()
    return digest


def bytes_of(network: nn.Module) -> bytes:
    """Return the tensors of a network as they stand in a file; the same weights give the same bytes."""
    packed = io.BytesIO()  # saved to a file, the archive would carry the file's temporary name
    torch.save(
        {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}, packed
    )
    return packed.getvalue()


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write weights and the rules that hold their hashes, given last: all of them or, where that fails, none."""
    with atomic_files(list(files)) as temporary:
        for file, data in zip(temporary, files.values()):
            file.write_bytes(data)
