# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Set how exact products are for a while, and restore the setting afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock

import torch

__all__ = ["autocast_on", "has_bfloat16", "quick_products"]

_lock, _inside, _before = Lock(), 0, "none"


def autocast_on(device: torch.device, enabled: bool) -> AbstractContextManager[object]:
    """Products in bfloat16 inside, or as exact as their input where it is not enabled.

    Args:
        device: where the products are. One that knows no autocast leaves them as they are.
        enabled: False also switches off what a caller has switched on.

    Example:
        >>> with autocast_on(torch.device("cpu"), enabled=True):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


@contextmanager
def quick_products(device: torch.device) -> Iterator[None]:
    """Products of float32 in TF32 inside, on a CUDA device; anywhere else nothing happens.

    The switch belongs to the whole process. It is set by the first that comes in and set back by the last that leaves,
    so that threads which overlap leave it as it was before all of them.

    Args:
        device: where the products are.

    Example:
        >>> with quick_products(torch.device("cpu")):
        ...     torch.backends.cuda.matmul.fp32_precision == "tf32"
        False
    """
    global _inside, _before
    if device.type != "cuda":
        yield
        return
    switch = torch.backends.cuda.matmul
    with _lock:
        if _inside == 0:
            _before = switch.fp32_precision
            switch.fp32_precision = "tf32"
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                switch.fp32_precision = _before


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 faster than float32."""
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type == "cuda" and torch.cuda.is_bf16_supported()
