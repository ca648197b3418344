# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Offer operators as deepinv physics, the detail network as a denoiser, and ``restore`` as a reconstructor.

Images are ``(B, 1, H, W)`` or ``(B, 1, D, H, W)`` as in deepinv. The package ``deepinv`` is an extra; without it this
module can be imported, and its classes say what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from ..fitting.amortised import BATCH
from ..fitting.slice_prediction import predict_slices
from ..geometry import MIRRORS, Grid
from ..networks import DetailPrior
from ..physics import GaussianNoise, Identity, Measurement, NoiseModel, Operator, RicianNoise
from ..priors.prior import Prior
from ..priors.store import load_prior
from ..restoring.options import RestoreOptions, changed
from ..restoring.restore import restore
from ..volume import Volume

try:
    import deepinv
    from deepinv.models import Denoiser, Reconstructor
    from deepinv.physics import LinearPhysics
except ImportError:
    deepinv = None
    Denoiser = Reconstructor = LinearPhysics = nn.Module

__all__ = ["StrainerDenoiser", "StrainerPhysics", "StrainerReconstructor"]

_EXACT = 1e-6  # weight of the norm in the pseudo-inverse: singular values below a thousandth count as zero


def _require_deepinv() -> None:
    if deepinv is None:
        raise InputError("deepinv is not installed", "install it with pip install 'monai_strainer[deepinv]'")


class StrainerPhysics(LinearPhysics):  # type: ignore[misc]
    """An operator of :mod:`monai_strainer.physics` and its noise as deepinv's ``y = N(A x)``.

    ``A_adjoint`` is exact. ``A_dagger`` and ``prox_l2`` take the operator's own data step, which is in closed form for
    separable operators and masks; deepinv's solver and its settings are not used.

    Args:
        operator: ``A`` on the last axes of an image: ``(H, W)`` or ``(D, H, W)``.
        noise: of the measurement; None for none.

    Raises:
        InputError: deepinv is not installed.

    Example:
        >>> from monai_strainer.physics import Downsample
        >>> physics = StrainerPhysics(Downsample((8, 8), 2), GaussianNoise(0.01))  # doctest: +SKIP
        >>> physics(torch.rand(1, 1, 8, 8)).shape  # doctest: +SKIP
        torch.Size([1, 1, 4, 4])
    """

    def __init__(self, operator: Operator, noise: NoiseModel | None = None) -> None:
        _require_deepinv()
        super().__init__(img_size=(1, *operator.shape_in), noise_model=_noise_of_deepinv(noise))
        self.operator = operator

    def A(self, x: Tensor, **parameters: Any) -> Tensor:
        """Apply ``A``.

        Args:
            x: ``(B, 1, *shape_in)`` images.
            parameters: of the noise; deepinv passes them, they are not used here.

        Returns:
            ``(B, 1, *shape_out)``.
        """
        return self.operator.A(x)

    def A_adjoint(self, y: Tensor, **parameters: Any) -> Tensor:
        """Apply ``A^T``.

        Args:
            y: ``(B, 1, *shape_out)`` data.
            parameters: of the noise; not used.

        Returns:
            ``(B, 1, *shape_in)``.
        """
        return self.operator.adjoint(y)

    def A_dagger(self, y: Tensor, **settings: Any) -> Tensor:
        """Return the image of least norm among those that fit the data best.

        Args:
            y: ``(B, 1, *shape_out)`` data.
            settings: of an iterative solver; not used, as the solution is exact.

        Returns:
            ``(B, 1, *shape_in)``.
        """
        start = y.new_zeros(*y.shape[: -len(self.operator.shape_out)], *self.operator.shape_in)
        return self.operator.prox(start, y, _EXACT)

    def prox_l2(self, z: Tensor | float | None, y: Tensor, gamma: float | Tensor, **settings: Any) -> Tensor:
        """Return ``argmin_x gamma/2 |A x - y|^2 + 1/2 |x - z|^2``; ``settings`` of a solver are not used.

        Args:
            z: ``(B, 1, *shape_in)``, a number for every voxel, or None for zeros.
            y: ``(B, 1, *shape_out)``.
            gamma: a number, or one per image.
            settings: ignored.
        """
        axes = len(self.operator.shape_in)
        start = z if isinstance(z, Tensor) else y.new_full((*y.shape[:-axes], *self.operator.shape_in), z or 0.0)
        if isinstance(gamma, Tensor):
            gamma = gamma.to(y).reshape(-1)
            gamma = gamma[:, None].expand(y.shape[:-axes]) if len(gamma) > 1 else float(gamma)
        return self.operator.prox(start, y, 1 / gamma)


def _noise_of_deepinv(noise: NoiseModel | None) -> Any:
    """Return deepinv's noise model for one of ours."""
    if noise is None:
        return deepinv.physics.ZeroNoise()
    kinds = {RicianNoise: deepinv.physics.RicianNoise, GaussianNoise: deepinv.physics.GaussianNoise}
    if type(noise) not in kinds:
        raise InputError(f"deepinv has no {type(noise).__name__}", "pass GaussianNoise or RicianNoise")
    return kinds[type(noise)](noise.sigma)


class StrainerDenoiser(Denoiser):  # type: ignore[misc]
    """The detail network as a denoiser: ``x = D(x + n; sigma)``.

    The network of the general prior takes images of any unit and offset; that of a cohort takes images whose object is
    about ``[0, 1]``. ``(B, 1, D, H, W)`` is a stack of ``D`` slices that see their neighbours; of ``(B, 1, H, W)`` each
    image stands alone. Gradients with respect to the image are exact.

    Args:
        prior: whose network is copied; by default the general one of the package.
        noise: kind of the noise, ``GaussianNoise`` or ``RicianNoise``.
        mirrors: average over four mirror images, which is better and takes four times as long.
        spacing_ratio: in-plane spacing over the step between slices, for ``(B, 1, D, H, W)``; 0 hides the neighbours.

    Raises:
        InputError: deepinv is not installed, or the prior has no detail network.

    Example:
        >>> denoiser = StrainerDenoiser()  # doctest: +SKIP
        >>> denoiser(torch.rand(1, 1, 64, 64), sigma=0.1).shape  # doctest: +SKIP
        torch.Size([1, 1, 64, 64])
    """

    def __init__(
        self,
        prior: Prior | None = None,
        noise: type[NoiseModel] = GaussianNoise,
        mirrors: bool = True,
        spacing_ratio: float = 1.0,
    ) -> None:
        _require_deepinv()
        super().__init__()
        self.detail = deepcopy(_detail_of(prior or load_prior()))
        self.noise, self.spacing_ratio = noise, spacing_ratio
        self.mirrors = MIRRORS[4 if mirrors else 1]

    def forward(self, x: Tensor, sigma: float | Tensor, **parameters: Any) -> Tensor:
        """Denoise images.

        Args:
            x: ``(B, 1, H, W)`` or ``(B, 1, D, H, W)``.
            sigma: standard deviation of the noise, a number or one per image.
            parameters: ignored.

        Raises:
            InputError: another number of axes or channels.
        """
        if x.ndim not in (4, 5) or x.shape[1] != 1:
            raise InputError(f"the images have the shape {tuple(x.shape)}", "pass (B, 1, H, W) or (B, 1, D, H, W)")
        levels = self._handle_sigma(sigma, batch_size=len(x), dtype=x.dtype, device=x.device).tolist()
        if x.ndim == 5:
            return torch.stack([self._stack(one[0], level, self.spacing_ratio) for one, level in zip(x, levels)])[
                :, None
            ]
        if len(set(levels)) == 1:
            return self._stack(x[:, 0], levels[0], 0.0)[:, None]
        return torch.cat([self._stack(one, level, 0.0) for one, level in zip(x, levels)])[:, None]

    def _stack(self, y: Tensor, sigma: float, spacing_ratio: float) -> Tensor:
        """Denoise ``(S, H, W)`` slices, some at a time."""
        given = Measurement(Identity(y.shape[1:]), y, self.noise(sigma).to(y.device))
        parts = [slice(low, min(low + BATCH, len(y))) for low in range(0, len(y), BATCH)]
        mirrors, detail = self.mirrors, self.detail
        return torch.cat([predict_slices(detail, given, some, None, spacing_ratio, mirrors)[0] for some in parts])


def _detail_of(prior: Prior) -> DetailPrior:
    """Return the detail network of a prior, that for any scan if there is one."""
    detail = prior.detail if prior.general is None else prior.general.detail
    if detail is None:
        raise InputError("the prior has no detail network", "pass a prior that was trained with one, or none")
    return detail


class StrainerReconstructor(Reconstructor):  # type: ignore[misc]
    """``restore`` as a reconstruction from data and physics: with the detail network, or by a fit of coordinates.

    Every image of the batch is one scan: ``(B, 1, h, w)`` one slice, ``(B, 1, D, h, w)`` a stack of ``D`` slices that
    are measured one by one. The noise and its level are those of the physics; where it has none they are estimated.

    Args:
        prior: to restore with; by default that of the package.
        spacing: of the data in mm: rows, columns, and the step between slices.
        with_std: give a second channel with the standard deviation.
        options: of the restoration; the operator and the noise in it are not used.
        more: options by name, such as ``method="coordinates"``.

    Raises:
        InputError: deepinv is not installed, or an option that does not exist.

    Example:
        >>> from monai_strainer.physics import Downsample
        >>> physics = StrainerPhysics(Downsample((64, 64), 2), GaussianNoise(0.01))  # doctest: +SKIP
        >>> StrainerReconstructor(adapt=0)(torch.rand(1, 1, 32, 32), physics).shape  # doctest: +SKIP
        torch.Size([1, 1, 64, 64])
    """

    def __init__(
        self,
        prior: Prior | None = None,
        spacing: Sequence[float] = (1.0, 1.0, 1.0),
        with_std: bool = False,
        options: RestoreOptions | None = None,
        **more: Any,
    ) -> None:
        _require_deepinv()
        super().__init__()
        self.prior, self.spacing, self.with_std = prior or load_prior(), tuple(spacing), with_std
        self.options = changed(options, more)

    def forward(self, y: Tensor, physics: Any, **parameters: Any) -> Tensor:
        """Restore the images behind the data.

        Args:
            y: ``(B, 1, h, w)`` or ``(B, 1, D, h, w)``.
            physics: a :class:`StrainerPhysics` whose operator acts on slices.
            parameters: ignored.

        Returns:
            ``(B, 1, H, W)`` or ``(B, 1, D, H, W)``; two channels ``with_std``.

        Raises:
            InputError: another physics or noise, or data of another shape.
        """
        if not isinstance(physics, StrainerPhysics):
            raise InputError(f"a {type(physics).__name__} has no operator that restore knows", "pass a StrainerPhysics")
        operator = physics.operator
        if y.ndim not in (4, 5) or y.shape[1] != 1 or tuple(y.shape[-2:]) != operator.shape_out:
            raise InputError(
                f"the data have the shape {tuple(y.shape)}, the operator gives {operator.shape_out}",
                "pass (B, 1, h, w) or (B, 1, D, h, w) with an operator that acts on slices",
            )
        given = {"operator": operator, "profile": "auto", **_noise_options(physics.noise_model)}
        options = changed(self.options, given)
        with torch.inference_mode(False), torch.enable_grad():
            return torch.stack([self._one(image[0], operator, options) for image in y]).to(y)

    def _one(self, y: Tensor, operator: Operator, options: RestoreOptions) -> Tensor:
        """Restore one scan ``(h, w)`` or ``(D, h, w)``; the result has a channel in front."""
        data = y.detach().float().cpu().numpy()
        data = np.moveaxis(data if data.ndim == 3 else data[None], 0, -1)  # (h, w, D): slices last
        scan = Volume(data, Grid(data.shape, np.diag([*self.spacing, 1.0])), slice_axis=2)
        scale = [fine / measured for fine, measured in zip(operator.shape_in, operator.shape_out)]
        out = restore(scan, self.prior, (*scale, 1.0), options=options, device=y.device)
        parts = [out.volume.data, out.std] if self.with_std else [out.volume.data]
        images = torch.from_numpy(np.stack([np.moveaxis(part, -1, 0) for part in parts]))  # (channels, D, H, W)
        return images if y.ndim == 3 else images[:, 0]


def _noise_options(model: Any) -> dict[str, Any]:
    """Return the options ``noise`` and ``sigma`` for a noise model of deepinv."""
    if isinstance(model, deepinv.physics.ZeroNoise):
        return {}
    for kind, name in ((deepinv.physics.GaussianNoise, "gaussian"), (deepinv.physics.RicianNoise, "rician")):
        if isinstance(model, kind):
            sigma = model.sigma.detach().cpu().reshape(-1)
            if len(sigma) > 1:
                raise InputError("the noise has more than one level", "give one level for all images")
            return {"noise": name, "sigma": float(sigma)}
    raise InputError(f"the noise {type(model).__name__} is not known", "use GaussianNoise or RicianNoise of deepinv")
