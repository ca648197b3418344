# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Start the process of a command in less time than Python takes by itself.

All of it changes the process: it is for commands, never for the library or for ``main`` within another program.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Sequence
from pathlib import Path

from .later import load_torch

__all__ = ["SPIN", "load", "start"]

SPIN = "20000"  # turns of a loop that a thread waits for work, some 0.1 ms; the library waits 300,000
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of malloc.h
_KEPT = 2**28  # bytes of memory that wait to be used again


def start() -> None:
    """Set up the process of a command, before anything is loaded that computes."""
    # threads that wait for work soon let others compute: on a busy machine a command takes half the time
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN)
    _keep_memory()


def _keep_memory() -> None:
    """Use memory again that was freed, in place of asking the system for pages: these come one by one, with zeros."""
    if not {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"}.isdisjoint(os.environ):
        return  # the user has set it up
    try:
        mallopt = ctypes.CDLL(None).mallopt  # of glibc
    except (OSError, AttributeError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, _KEPT)
    mallopt(_TRIM_THRESHOLD, _KEPT)


def load(inputs: Sequence[Path]) -> None:
    """Load the modules that restore, before they are used.

    Modules make many objects and no garbage: nothing is collected while they are loaded, nor are they searched for
    garbage later. nibabel comes without pydicom, and PyTorch without what its compiler needs.

    Args:
        inputs: to restore.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        load_torch()
        from ..io import is_nifti
        from ..pipelines import restore_file  # noqa: F401

        if any(is_nifti(path) for path in inputs):
            from ..io.nifti.without_dicom import load_nibabel

            load_nibabel()
    finally:
        if was_enabled:
            gc.enable()
    gc.freeze()
