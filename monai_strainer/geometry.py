# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Describe where voxels are: a grid is a shape and an affine, and refining it keeps the edges of the field of view.

One convention rules the project: a voxel is a box, not a point. Along an axis of ``n`` voxels that spans ``[-1, 1]``
the centre of voxel ``i`` sits at ``(2 i + 1) / n - 1``. The affine says the same in millimetres, so coordinates and
headers cannot disagree.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError

__all__ = ["MIRRORS", "NORMAL", "PLANES", "Grid", "Plane", "centres", "ras_to_lps"]

Plane = str
NORMAL: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}  # the RAS axis across each plane
PLANES: dict[Plane, tuple[int, int, int]] = {"axial": (2, 0, 1), "coronal": (1, 0, 2), "sagittal": (0, 1, 2)}
"""Per plane the anatomical axes of slices, rows and columns."""
MIRRORS: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((),),
    2: ((), (-2, -1)),
    4: ((), (-1,), (-2,), (-2, -1)),
}
"""Mirror images of a slice, itself included, by their number: the axes to flip for each."""


def centres(n: int) -> NDArray[np.float64]:
    """Coordinates of the ``n`` voxel centres on an axis that spans ``[-1, 1]`` from edge to edge.

    Example:
        >>> centres(4)
        array([-0.75, -0.25,  0.25,  0.75])
    """
    return (2 * np.arange(n) + 1) / n - 1


def ras_to_lps(affine: ArrayLike) -> NDArray[np.float64]:
    """Turn an affine to RAS (NIfTI) into one to LPS (DICOM), or back: the change is its own inverse."""
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Grid:
    """A sampling grid: voxel indices to millimetres in RAS.

    Args:
        shape: voxels along each of the three array axes.
        affine: (4, 4) matrix that sends the *centre* of voxel ``(i, j, k)`` to RAS millimetres. Oblique, anisotropic
            and sheared affines are welcome; singular ones are not.

    Raises:
        InputError: a shape below one voxel, or an affine that is not 4x4, finite and invertible.

    Example:
        >>> grid = Grid((10, 10, 5), np.diag([2.0, 2.0, 4.0, 1.0]))
        >>> fine = grid.refine((2, 2, 1))
        >>> fine.shape, fine.spacing.tolist(), np.allclose(fine.corners(), grid.corners())
        ((20, 20, 5), [1.0, 1.0, 4.0], True)
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"a grid of shape {shape} has no voxels or not three axes", "pass a 3-D image")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise InputError("the affine is not a finite 4x4 matrix", "repair the header's geometry")
        edges = np.linalg.norm(affine[:3, :3], axis=0)  # voxel edge lengths, mm
        if edges.min() <= 0 or abs(np.linalg.det(affine[:3, :3] / edges)) < 1e-6:
            raise InputError(
                "the affine is singular: some axis has no length of its own", "repair the header's geometry"
            )
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @property
    def spacing(self) -> NDArray[np.float64]:
        """(3,) voxel edge lengths in mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def extent(self) -> NDArray[np.float64]:
        """(3,) lengths of the field of view in mm, edge to edge."""
        return self.spacing * self.shape

    @property
    def axes(self) -> tuple[tuple[int, int], ...]:
        """For each array axis, the RAS axis (0, 1, 2) it runs along most closely and the direction (+1 or -1).

        Every RAS axis is used once, chosen so that the total alignment is greatest.
        """
        cosines = self.affine[:3, :3] / self.spacing  # (RAS, array)
        best = max(itertools.permutations(range(3)), key=lambda p: sum(abs(cosines[p[k], k]) for k in range(3)))
        return tuple((best[k], 1 if cosines[best[k], k] >= 0 else -1) for k in range(3))

    def axis_of(self, plane: Plane) -> int:
        """Return the array axis across a plane: the one along which its slices follow each other.

        Raises:
            InputError: the plane is not axial, coronal or sagittal.
        """
        if plane not in NORMAL:
            raise InputError(f"there is no plane called {plane!r}", f"choose one of {', '.join(sorted(NORMAL))}")
        return [ras for ras, _ in self.axes].index(NORMAL[plane])

    def corners(self) -> NDArray[np.float64]:
        """(8, 3) RAS positions in mm of the corners of the field of view: voxel edges, not centres."""
        index = np.array(list(itertools.product((0, 1), repeat=3))) * self.shape - 0.5
        return index @ self.affine[:3, :3].T + self.affine[:3, 3]

    def apart(self, other: Grid) -> float:
        """Return the greatest distance of their corners along an axis of space, in mm."""
        return float(np.abs(self.corners() - other.corners()).max())

    def resize(self, shape: Sequence[int]) -> Grid:
        """Return the same field of view cut into ``shape`` voxels.

        With ``s = n / n'`` per axis, new index ``i'`` lies at old index ``s i' + (s - 1) / 2``, which keeps both edges.
        """
        new = tuple(int(n) for n in shape)
        if len(new) != 3 or min(new) < 1:
            raise InputError(f"cannot cut the field of view into {new} voxels", "ask for at least one voxel per axis")
        ratio = np.array(self.shape) / np.array(new)
        step = np.diag([*ratio, 1.0])
        step[:3, 3] = (ratio - 1) / 2
        return Grid(new, self.affine @ step)

    def part(self, low: Sequence[int], shape: Sequence[int]) -> Grid:
        """Return the grid of some voxels; it may reach out of this one.

        Args:
            low: index of the first voxel.
            shape: voxels per axis.

        Example:
            >>> Grid((10, 10, 5), np.eye(4)).part((2, -1, 0), (4, 4, 5)).affine[:3, 3].tolist()
            [2.0, -1.0, 0.0]
        """
        first, second, third = (int(n) for n in shape)
        start = np.eye(4)
        start[:3, 3] = low
        return Grid((first, second, third), self.affine @ start)

    def refine(self, factor: float | Sequence[float]) -> Grid:
        """Return the same field of view with ``round(n * factor)`` voxels per axis, any factor, also a fraction.

        Raises:
            InputError: a factor that is not a positive finite number.
        """
        factors = np.atleast_1d(np.asarray(factor, dtype=np.float64))
        if factors.shape not in ((1,), (3,)):
            raise InputError(f"{factors.size} factors for three axes", "give one factor, or one per axis")
        factors = np.broadcast_to(factors, (3,))
        if not (np.isfinite(factors).all() and (factors > 0).all()):
            raise InputError(f"a scale of {factor} is not positive", "use 1 to denoise, more than 1 to super-resolve")
        return self.resize([max(1, round(n * f)) for n, f in zip(self.shape, factors, strict=True)])
