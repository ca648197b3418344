# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Noise models: how data scatter around the image an operator predicts."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from .noise_estimation import NoiseEstimate, gaussian_sigma, rician_sigma

__all__ = ["GaussianNoise", "NoiseModel", "NoncentralChiNoise", "RicianNoise"]

_Model = TypeVar("_Model", bound="NoiseModel")


class NoiseModel(nn.Module):
    """What all noise models share: a standard deviation ``sigma`` in the units of the image.

    Args:
        sigma: 0 or more; a number, or a map that broadcasts against the images.

    Raises:
        InputError: a sigma below 0 or not finite.
    """

    sigma: Tensor
    is_magnitude = True  # of complex data; a model of real-valued data says otherwise

    def __init__(self, sigma: float | Tensor) -> None:
        super().__init__()
        sigma = torch.as_tensor(sigma, dtype=torch.float32)
        if not bool((torch.isfinite(sigma) & (sigma >= 0)).all()):
            raise InputError(f"a noise level of {float(sigma.min()):g} is not 0 or more", "give a standard deviation")
        self.register_buffer("sigma", sigma)

    def restrict(self: _Model, rows: Tensor, columns: Tensor) -> _Model:
        """Return the noise of some rows and columns of the images; a level that is the same everywhere stays."""
        if self.sigma.ndim < 2:
            return self
        part = self.kind(0.0)
        part.sigma = self.sigma[..., rows, :][..., columns]  # checked already
        return part

    @property
    def kind(self: _Model) -> type[_Model]:
        """The kind of noise: a class whose only argument is the level."""
        return type(self)

    @classmethod
    def of(cls: type[_Model], parameter: str) -> type[_Model]:
        """Return the kind of noise with a parameter, as in the option ``noncentral_chi:8``.

        Raises:
            InputError: there is no such parameter.
        """
        raise InputError(f"the noise {cls.__name__} has no parameter {parameter!r}", "give its name alone")

    def sample(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw data of the shape of ``x`` around it."""
        raise NotImplementedError

    def negative_log_likelihood(self, x: Tensor, y: Tensor) -> Tensor:
        """``-log p(y | x)`` per voxel, up to a constant that does not depend on ``x``."""
        raise NotImplementedError

    def debias(self, y: Tensor) -> Tensor:
        """Remove the noise's bias from the data."""
        raise NotImplementedError

    @classmethod
    def estimate(cls: type[_Model], y: Tensor) -> _Model:
        """Estimate ``sigma`` from one scan, and return the model; slices are the last two axes of ``y``."""
        return cls(cls.measure(y).sigma)

    @classmethod
    def measure(cls, y: Tensor) -> NoiseEstimate:
        """Estimate the noise level of one scan ``y`` (..., H, W), with its uncertainty."""
        raise NotImplementedError

    def _sigma_for(self, x: Tensor) -> Tensor:
        try:
            fits = np.broadcast_shapes(self.sigma.shape, x.shape) == x.shape
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"a noise map of {tuple(self.sigma.shape)} does not fit images of {tuple(x.shape)}",
                "give one number, or a map in the shape of the image",
            )
        return self.sigma.to(x.dtype)

    def extra_repr(self) -> str:
        """Return the level as text, for ``print``."""
        return f"sigma={float(self.sigma):g}" if self.sigma.ndim == 0 else f"sigma: map of {tuple(self.sigma.shape)}"


class GaussianNoise(NoiseModel):
    """``y = x + n``, ``n ~ N(0, sigma^2)``: real-valued images, or magnitude ones far above the noise.

    Args:
        sigma: standard deviation; a number, or a map that broadcasts against the images.

    Example:
        >>> noise = GaussianNoise(0.5)
        >>> noise.negative_log_likelihood(torch.zeros(2), torch.tensor([0.0, 1.0]))
        tensor([0., 2.])
    """

    is_magnitude = False

    def sample(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw ``y`` around ``x``; the generator lives on the device of ``x``."""
        return x + self._sigma_for(x) * _normal(x, generator)

    def negative_log_likelihood(self, x: Tensor, y: Tensor) -> Tensor:
        """``(y - x)^2 / (2 sigma^2)`` per voxel."""
        _check_pair(x, y)
        return ((y - x) / self._sigma_for(x).clamp_min(_SMALLEST)) ** 2 / 2

    def debias(self, y: Tensor) -> Tensor:
        """Return the data themselves: Gaussian noise has no bias."""
        return y

    @classmethod
    def measure(cls, y: Tensor) -> NoiseEstimate:
        """Sigma of one scan ``y`` (..., H, W), as ``gaussian_sigma`` reads it, with its uncertainty."""
        return gaussian_sigma(y)


class RicianNoise(NoiseModel):
    """``y = sqrt((x + n1)^2 + n2^2)``, ``n1, n2 ~ N(0, sigma^2)``: the magnitude of a complex MR image.

    Source: Gudbjartsson and Patz, The Rician distribution of noisy MRI data, MRM 34 (1995) 910-914.

    Args:
        sigma: standard deviation of the real and of the imaginary part; a number, or a map that broadcasts against
            the images.

    Example:
        >>> noise = RicianNoise(0.5)
        >>> noise.negative_log_likelihood(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 2.0])).round(decimals=4)
        tensor([0.0000, 2.2972])
        >>> noise.debias(torch.tensor([0.1, 1.3]))
        tensor([0.0000, 1.2000])
    """

    def sample(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw ``y`` around ``x``; the generator lives on the device of ``x``."""
        sigma = self._sigma_for(x)
        return torch.hypot(x + sigma * _normal(x, generator), sigma * _normal(x, generator))

    def negative_log_likelihood(self, x: Tensor, y: Tensor) -> Tensor:
        """``(y - x)^2 / (2 sigma^2) - log i0e(x y / sigma^2)`` per voxel, with ``i0e(t) = exp(-|t|) I_0(t)``.

        The scaled Bessel function keeps it finite for any ``sigma``. An ``x`` below 0, which no magnitude image has,
        is met by the square, which leads it back.
        """
        _check_pair(x, y)
        sigma = self._sigma_for(x).clamp_min(_SMALLEST)
        return ((y - x) / sigma) ** 2 / 2 - torch.special.i0e(x / sigma * (y / sigma)).log()

    def debias(self, y: Tensor) -> Tensor:
        """``sqrt(max(y^2 - sigma^2, 0))``, voxel by voxel.

        The power of a voxel is ``E[y^2] = x^2 + 2 sigma^2``, but the root of ``y^2 - 2 sigma^2`` is concave and falls
        short of ``x`` by another ``sigma^2 / (2 x)``. Taking off half as much cancels that: the mean is right to
        0.03 sigma from ``x = 1.5 sigma`` upwards (0.31 sigma short with ``2 sigma^2``; 0.37 sigma too high untreated).
        What remains is at ``x = 0``, 0.76 sigma instead of 1.25.
        """
        return (y * y - self._sigma_for(y) ** 2).clamp_min(0).sqrt()

    @classmethod
    def measure(cls, y: Tensor) -> NoiseEstimate:
        """Sigma of one scan ``y`` (..., H, W), as ``rician_sigma`` reads it, with its uncertainty."""
        return rician_sigma(y)


class NoncentralChiNoise(NoiseModel):
    """``y = sqrt(sum_k |x_k + n_k|^2)``: the root of the sum of squares of the images of ``coils`` receive coils.

    ``x`` is the root of the sum of squares without noise. Real and imaginary part of every coil have the noise
    ``N(0, sigma^2)``, independent of each other. One coil gives :class:`RicianNoise`. Coils with correlated noise act
    like fewer coils.

    Source: Constantinides, Atalar and McVeigh, Signal-to-noise measurements in magnitude images from NMR phased
    arrays, MRM 38 (1997) 852-857.

    Args:
        sigma: standard deviation of the real and of the imaginary part of every coil; a number, or a map that
            broadcasts against the images.
        coils: their number, 1 or more; None takes that of the kind, see :meth:`of`.

    Raises:
        InputError: a sigma below 0, or fewer coils than one.

    Example:
        >>> noise = NoncentralChiNoise(0.5, coils=4)
        >>> noise.debias(torch.tensor([1.0, 2.5]))
        tensor([0.0000, 2.1213])
    """

    coils = 0  # not known

    def __init__(self, sigma: float | Tensor, coils: int | None = None) -> None:
        super().__init__(sigma)
        self.coils = self._known() if coils is None else coils
        if self.coils < 1:
            raise InputError(f"{coils} coils measure nothing", "give 1 or more")

    @classmethod
    def _known(cls) -> int:
        if not cls.coils:
            raise InputError("the number of coils is not known", "give it as in noncentral_chi:8")
        return cls.coils

    @property
    def kind(self) -> type[NoncentralChiNoise]:
        """The kind of noise with this number of coils."""
        return self.of(str(self.coils))

    @classmethod
    def of(cls, parameter: str) -> type[NoncentralChiNoise]:
        """Return the kind of noise with a number of coils.

        Args:
            parameter: the number of coils as text.

        Raises:
            InputError: it is no whole number of 1 or more.

        Example:
            >>> NoncentralChiNoise.of("8")(0.5).coils
            8
        """
        if not parameter.isdecimal() or int(parameter) < 1:
            raise InputError(f"{parameter!r} is no number of coils", "give a whole number of 1 or more")
        return _with_coils(int(parameter))

    def sample(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw ``y`` around ``x``; the generator lives on the device of ``x``."""
        sigma = self._sigma_for(x)
        y = x + sigma * _normal(x, generator)
        for _ in range(2 * self.coils - 1):
            y = torch.hypot(y, sigma * _normal(x, generator))
        return y

    def negative_log_likelihood(self, x: Tensor, y: Tensor) -> Tensor:
        """``(y - x)^2 / (2 sigma^2) - log(exp(-t) I_{n-1}(t) / t^(n-1))``, ``t = x y / sigma^2``, of ``n`` coils.

        The power of ``t`` makes the term finite at 0; it takes the place of ``x^(1-n)`` in the density.
        """
        _check_pair(x, y)
        sigma = self._sigma_for(x).clamp_min(_SMALLEST)
        return ((y - x) / sigma) ** 2 / 2 - _log_bessel(x / sigma * (y / sigma), self.coils - 1)

    def debias(self, y: Tensor) -> Tensor:
        """``sqrt(max(y^2 - (2 n - 1) sigma^2, 0))`` for ``n`` coils, voxel by voxel.

        The power of a voxel is ``E[y^2] = x^2 + 2 n sigma^2``; one ``sigma^2`` less is taken off, for the reason that
        :meth:`RicianNoise.debias` gives. The mean is right to 0.1 sigma from ``x = sqrt(2 n) sigma`` upwards.
        """
        return (y * y - (2 * self.coils - 1) * self._sigma_for(y) ** 2).clamp_min(0).sqrt()

    @classmethod
    def measure(cls, y: Tensor) -> NoiseEstimate:
        """Sigma of one scan ``y`` (..., H, W), with its uncertainty: of one coil as ``rician_sigma`` reads it.

        Of more coils as ``gaussian_sigma`` does, inside the object: 0 to 4 % too little where that is brighter than
        ``5 sqrt(n) sigma``.
        """
        return rician_sigma(y) if cls._known() == 1 else gaussian_sigma(y)


@cache
def _with_coils(coils: int) -> type[NoncentralChiNoise]:
    """Return the class of a number of coils, the same at every call."""
    return type(NoncentralChiNoise.__name__, (NoncentralChiNoise,), {"coils": coils, "__doc__": "Noise of coils."})


def _log_bessel(t: Tensor, order: int) -> Tensor:
    """``log(exp(-|t|) I_order(t) / t^order)``, finite for every ``t``.

    ``I_order = I_0 t^order prod_k q_k`` with ``q_k = I_{k+1} / (t I_k)``, and ``q_{k-1} = 1 / (2 k + t^2 q_k)``: stable
    from high orders down to low ones (Miller's algorithm).
    """
    found = torch.special.i0e(t).log()
    if order == 0:
        return found
    first = order + _AHEAD  # begins with a bound of the ratio (Amos, Mathematics of Computation 28 (1974) 239-251)
    ratio = 1 / (first + 0.5 + torch.hypot(t, torch.full_like(t, first + 1.5)))
    for k in range(first, 0, -1):
        ratio = 1 / (2 * k + t * (t * ratio))
        if k <= order:
            found = found + ratio.log()
    return found


_AHEAD = 24  # orders above the wanted one at which the recurrence begins
_SMALLEST = 1e-8  # stands in for a sigma of 0 where one divides by it


def _normal(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)


def _check_pair(x: Tensor, y: Tensor) -> None:
    if x.shape != y.shape:
        raise InputError(f"the prediction is {tuple(x.shape)} and the data {tuple(y.shape)}", "compare equal shapes")
