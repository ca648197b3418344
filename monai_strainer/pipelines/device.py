# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose the device to compute on."""

from __future__ import annotations

from ..errors import InputError

__all__ = ["device_of"]


def device_of(name: str) -> str:
    """Return the device asked for, once it is known to work.

    Args:
        name: auto, cpu, cuda or cuda:N; auto takes an accelerator where there is one.

    Raises:
        InputError: it is not there.

    Example:
        >>> device_of("cpu")
        'cpu'
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"there is no device {name!r} here", "use --device cpu") from error
    return str(device)
