# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Model the noise of several receive coils whose images are combined by the root of the sum of squares."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from ..errors import InputError
from .noise import SMALLEST, NoiseModel, RicianNoise, check_pair, standard_normal
from .noise_estimation import NoiseEstimate, gaussian_sigma

__all__ = ["NoncentralChiNoise"]

_AHEAD = 24  # orders above the wanted one at which the recurrence begins


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
            raise InputError(f"{coils} is not a number of coils", "give 1 or more")

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
        """Draw the root of the sum of squares of the coils' real and imaginary data."""
        sigma = self._sigma_for(x)
        y = x + sigma * standard_normal(x, generator)
        for _ in range(2 * self.coils - 1):
            y = torch.hypot(y, sigma * standard_normal(x, generator))
        return y

    def negative_log_likelihood(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``(y - x)^2 / (2 sigma^2) - log(exp(-t) I_{n-1}(t) / t^(n-1))``, ``t = x y / sigma^2``, ``n`` coils.

        The power of ``t`` makes the term finite at 0; it takes the place of ``x^(1-n)`` in the density.
        """
        check_pair(x, y)
        sigma = self._sigma_for(x).clamp_min(SMALLEST)
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
        return RicianNoise.measure(y) if cls._known() == 1 else gaussian_sigma(y)


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
