# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Model sparse k-space: only some phase-encoding lines are measured, and the zero-filled image is given."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import InputError
from .separable import Separable

__all__ = ["KSpaceLines", "random_lines"]


class KSpaceLines(Separable):
    """Keep some lines of k-space, put zeros into the others and go back: ``A = F^-1 diag(kept) F`` along one axis.

    A real image has ``X(-k) = conj X(k)``, so a line is known where either of the two was measured. ``A`` is then a
    real, symmetric projection, ``A = A^T = A^2``; being one small matrix, its data step is exact.

    Args:
        shape: lengths of the axes.
        axis: the phase-encoding axis, along which lines are left out.
        kept: ``(n,)`` true where a line was measured, ``k = -n/2 .. n/2 - 1``: the middle of k-space is at ``n // 2``.

    Raises:
        InputError: the axis does not exist, or there is not one mark per line, or no line is kept.

    Example:
        >>> middle = KSpaceLines((4, 6), axis=1, kept=torch.tensor([0, 0, 1, 1, 1, 0]))
        >>> middle(torch.ones(4, 6)).round(decimals=4)[0]
        tensor([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, shape: Sequence[int], axis: int, kept: Tensor) -> None:
        if not -len(shape) <= axis < len(shape):
            raise InputError(f"there is no axis {axis} in shape {tuple(shape)}", "name the phase-encoding axis")
        n, kept = int(shape[axis]), torch.as_tensor(kept).bool()
        if tuple(kept.shape) != (n,) or not bool(kept.any()):
            raise InputError(
                f"{tuple(kept.shape)} marks of lines, {int(kept.sum())} of them kept, do not fit an axis of {n} voxels",
                "give one mark per line, and keep one line or more",
            )
        lines = torch.fft.ifftshift(kept).double()  # k = 0, 1, ..: as the transform counts them
        both = torch.maximum(lines, lines.flip(0).roll(1))  # k and -k
        column = torch.fft.ifft(both).real  # (n,) what a point becomes
        index = torch.arange(n)
        matrices: list[Tensor | int] = [int(m) for m in shape]
        matrices[axis] = column[(index[:, None] - index) % n]
        super().__init__(matrices)


def random_lines(n: int, factor: float, centre: float = 0.08, seed: int = 0) -> Tensor:
    """Choose lines as a scanner does: all of the middle, and random ones up to ``n / factor`` in all.

    Conjugate lines come in pairs and both count, so that a real image gets nothing for free.

    Args:
        n: lines in all.
        factor: how many times fewer are kept, 1 or more.
        centre: fraction of the lines in the middle that are all kept.
        seed: of the choice.

    Returns:
        ``(n,)`` booleans for :class:`KSpaceLines`.

    Raises:
        InputError: a factor below 1, or a middle that holds more lines than are to be kept.

    Source: Zbontar et al., fastMRI, arXiv 1811.08839, the random masks.

    Example:
        >>> int(random_lines(100, 4).sum())
        25
    """
    if factor < 1 or not 0 <= centre <= 1 / factor:
        raise InputError(
            f"{factor:g} times fewer lines and {centre:g} of them in the middle are not possible together",
            "use a factor of 1 or more and a middle below its inverse",
        )
    k = torch.arange(n) - n // 2
    score = torch.rand(n // 2 + 1, generator=torch.Generator().manual_seed(seed))[k.abs()]  # the same for k and -k
    score = torch.where(k.abs() <= centre * n / 2, -1.0 + 1e-3 * k.abs() / n, score)
    kept = torch.zeros(n, dtype=torch.bool)
    kept[score.argsort(stable=True)[: max(1, round(n / factor))]] = True
    return kept
