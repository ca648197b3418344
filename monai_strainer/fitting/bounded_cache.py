# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Keep what was worked out last, up to a number of bytes: matrices take long to make and are large."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

import torch
from torch import Tensor

__all__ = ["ROOM", "Kept"]

ROOM = 128 * 2**20  # bytes: the factors of some forty axes of 640 voxels


class Kept:
    """A function of plain numbers that gives a tensor, and remembers the last ones; the least recently used goes first.

    What it gives is shared: it must not be changed in place.

    Args:
        make: the function; the same numbers give the same tensor.
        room: bytes that all remembered tensors may take together. A larger tensor is made again every time.

    Example:
        >>> eye = Kept(torch.eye, room=100)
        >>> eye(3) is eye(3), eye(9) is eye(9), eye.size
        (True, False, 36)
    """

    def __init__(self, make: Callable[..., Tensor], room: int = ROOM) -> None:
        self.make, self.room, self.size = make, room, 0
        self._found: OrderedDict[tuple[Hashable, ...], Tensor] = OrderedDict()
        self._lock = Lock()

    def __call__(self, *numbers: Hashable) -> Tensor:
        """Return the tensor of these numbers; make it where it is not kept yet."""
        with self._lock:
            if numbers in self._found:
                self._found.move_to_end(numbers)
                return self._found[numbers]
        with torch.inference_mode(False), torch.no_grad():  # it may be used in a training later
            made = self.make(*numbers)
        with self._lock:
            if numbers not in self._found and made.nbytes <= self.room:
                self._found[numbers], self.size = made, self.size + made.nbytes
                while self.size > self.room:
                    self.size -= self._found.popitem(last=False)[1].nbytes
        return made

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._found.clear()
            self.size = 0
