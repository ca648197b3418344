# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Hold a scan in memory: numbers, where they are, and where they came from; its slices and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, Limits
from .geometry import Grid

__all__ = ["STEPS_THICK", "Volume"]


STEPS_THICK = Limits(least=0.1, most=10)  # thickness of a slice over the step between slices, of any scanner
_AXES, _THICKNESSES = Limits(least=-1, most=2), Limits(above=0)


@dataclass(frozen=True, eq=False)
class Volume:
    """One 3-D scan.

    Args:
        data: (X, Y, Z) intensities in the file's own axis order; kept as float32.
        grid: shape and affine; the shape must be that of ``data``.
        source: what the reader needs to write an image of the same kind (header, names). Opaque to everything but
            ``monai_strainer.io``.
        slice_axis: the array axis the scanner stepped along; where it is not given, the axis of the widest step, or
            on an isotropic grid the one across axial slices.
        thickness: of the slices in mm, where the file says another than the step between them.

    Raises:
        InputError: the data are not 3-D, not real or do not fit the grid; an axis or a thickness that cannot be.

    Example:
        >>> scan = Volume(np.zeros((4, 5, 6)), Grid((4, 5, 6), np.diag([1, 1, 3, 1])))
        >>> scan.slices(2).shape, scan.slice_axis
        ((6, 4, 5), 2)
    """

    data: NDArray[np.float32]
    grid: Grid
    source: Any = None
    slice_axis: int = -1
    thickness: float | None = None

    def __post_init__(self) -> None:
        if np.iscomplexobj(self.data):
            raise InputError("the data are complex", "pass the magnitude")
        data = np.asarray(self.data, dtype=np.float32)
        if data.shape != self.grid.shape:
            raise InputError(f"data of shape {data.shape} do not fit a grid of {self.grid.shape}", "pass matching ones")
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "slice_axis", int(_AXES.checked(self.slice_axis, "slice axis", whole=True)))
        if self.thickness is not None:
            object.__setattr__(self, "thickness", _THICKNESSES.checked(self.thickness, "slice thickness"))
        if self.slice_axis == -1:
            spacing = self.grid.spacing
            widest = int(np.argmax(spacing))
            is_isotropic = spacing.max() / spacing.min() < 1.01
            flat = [k for k, n in enumerate(self.grid.shape) if n == 1]
            axis = flat[0] if len(flat) == 1 else self.grid.axis_of("axial") if is_isotropic else widest
            object.__setattr__(self, "slice_axis", axis)

    @property
    def findings(self) -> tuple[str, ...]:
        """What was unusual about the file that the scan was read from, and was accepted."""
        return tuple(getattr(self.source, "findings", ()))

    def slices(self, axis: int) -> NDArray[np.float32]:
        """(S, H, W): the slices along array axis ``axis``; the other axes keep their order."""
        return np.ascontiguousarray(np.moveaxis(self.data, axis, 0))

    def with_slices(self, images: NDArray[np.float32], axis: int, grid: Grid) -> Volume:
        """Return a volume of other slices; source and slice axis are kept.

        Args:
            images: ``(S, H, W)``.
            axis: array axis across the slices.
            grid: of the new volume.
        """
        return Volume(np.ascontiguousarray(np.moveaxis(images, 0, axis)), grid, self.source, self.slice_axis)
