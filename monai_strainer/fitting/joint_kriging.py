# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Let several measurements of one volume correct it together: kriging on the union of their samples.

The error of a first image ``m`` is a random field ``e = D S z`` with white ``z``; ``D`` is its deviation at every
voxel and ``S`` the root of a Matern-3/2 correlation of length ``l``, diagonal in the cosine transform. Given all data
``y_k = A_k x + n_k``, with weights ``W_k = 1 / variance``, the posterior mean solves

    (I + sum_k S D A_k^T W_k A_k D S) z = sum_k S D A_k^T W_k (y_k - A_k m)

by conjugate gradients. With ``m = 0`` this is kriging alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..physics import Operator

__all__ = ["JointField", "WeightedData"]

_AXES = (-3, -2, -1)


@dataclass(frozen=True, eq=False)
class WeightedData:
    """One measurement and how much its voxels count.

    Args:
        operator: ``A`` (X, Y, Z) to the shape of the data.
        y: the data; zero-mean noise. Several draws may stand in front: (..., *shape).
        weight: 1 over the noise variance, as ``y`` or a number that broadcasts; 0 where the data say nothing.
        spreader: whose adjoint spreads the data over the volume, where that of ``operator`` leaves gaps or steps.
    """

    operator: Operator
    y: Tensor
    weight: Tensor
    spreader: Operator | None = None

    def normal(self, x: Tensor) -> Tensor:
        """``A^T W A x``."""
        return self.operator.adjoint(self.weight * self.operator.A(x))

    def pull(self, x: Tensor) -> Tensor:
        """``A^T W (y - A x)``: where the data want the image to go."""
        return self.operator.adjoint(self.weight * (self.y - self.operator.A(x)))


@dataclass(frozen=True, eq=False)
class JointField:
    """The random field of an image's error, and its correction by several measurements.

    Args:
        shape: (X, Y, Z).
        length: per axis, in voxels: distance at which the correlation is about one half.
        deviation: ``D``, of the error in units of the image; (X, Y, Z), or a number as a tensor.

    Example:
        >>> from monai_strainer.physics import Identity
        >>> data = WeightedData(Identity((4, 4, 4)), torch.ones(4, 4, 4), torch.tensor(1e4))
        >>> x = JointField((4, 4, 4), (2.0, 2.0, 2.0), torch.ones(())).correct(torch.zeros(4, 4, 4), [data])
        >>> bool((x - 1).abs().max() < 0.01)
        True
    """

    shape: tuple[int, int, int]
    length: tuple[float, float, float]
    deviation: Tensor

    def correct(
        self,
        mean: Tensor,
        data: Sequence[WeightedData],
        steps: int = 25,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Tensor:
        """Return the posterior mean of the image.

        Args:
            mean: ``m`` (X, Y, Z), a first image; or several, (..., X, Y, Z), each with its own data, at less cost than
                one after the other.
            data: the measurements.
            steps: of conjugate gradients at most; fewer where the residual falls below 1e-3 of its start.
            on_step: called with the steps done and their number.
        """
        right = self._smooth(self.deviation * sum((one.pull(mean) for one in data), torch.zeros_like(mean)))
        z, residual, direction = torch.zeros_like(right), right, right
        squared = _power(residual)
        goal = 1e-6 * squared
        for step in range(steps):
            is_open = squared > goal
            if not is_open.any():
                break
            shown = self.deviation * self._smooth(direction)
            back = sum((one.normal(shown) for one in data), torch.zeros_like(mean))
            product = direction + self._smooth(self.deviation * back)
            size = torch.where(is_open, squared / (direction * product).sum(_AXES, keepdim=True), 0.0)
            z, residual = z + size * direction, residual - size * product
            before, squared = squared, _power(residual)
            direction = residual + torch.where(is_open, squared / before, 0.0) * direction
            if on_step is not None:
                on_step(step + 1, steps)
        return mean + self.deviation * self._smooth(z)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw an error from the field."""
        return self.deviation * self._smooth(torch.randn(self.shape, generator=generator))

    def _smooth(self, x: Tensor) -> Tensor:
        """``S x``: symmetric, with ``S S`` the correlation."""
        how: dict[str, Any] = {"axes": _AXES, "norm": "ortho", "workers": torch.get_num_threads()}
        coefficients = scipy.fft.dctn(x.numpy(), **how)
        coefficients *= self._spectrum
        return torch.from_numpy(scipy.fft.idctn(coefficients, **how))

    @cached_property
    def _spectrum(self) -> NDArray[np.float32]:
        """(X, Y, Z): root of the Matern-3/2 spectrum at the frequencies of the cosine transform, of mean square 1.

        In three dimensions the spectrum is ``(1 + (l w)^2 / 3)^-3``.
        """
        total = np.ones((1, 1, 1))
        for axis, (n, scale) in enumerate(zip(self.shape, self.length)):
            frequency = np.pi * np.arange(n) / n
            total = total + (np.square(scale * frequency) / 3).reshape([-1 if k == axis else 1 for k in range(3)])
        root = total**-1.5
        return (root / np.sqrt(np.mean(np.square(root)))).astype(np.float32)


def _power(x: Tensor) -> Tensor:
    """(..., 1, 1, 1): sum of squares of every image."""
    return x.square().sum(_AXES, keepdim=True)
