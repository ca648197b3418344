# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Offer MONAI inferers: restore a batch of images at test time, or give a trainer the features it learns from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.inferers import Inferer
from torch import Tensor, nn

from .errors import InputError
from .geometry import Grid
from .networks import DetailPrior, Siren, sizes_of, sizes_of_detail
from .networks.precision import autocast_on
from .priors.prior import Prior
from .restoring.options import changed
from .restoring.restore import restore
from .volume import Volume

__all__ = ["FeatureInferer", "StrainerInferer", "as_siren"]


def as_siren(network: nn.Module) -> Siren:
    """Copy a network as a Siren: plain, compiled, wrapped for several GPUs, or loaded from TorchScript.

    Raises:
        InputError: the network is no Siren.
    """
    network = _unwrapped(network)
    sizes = sizes_of(network)
    if any(value is None for value in sizes.values()):
        raise InputError(
            f"a {type(network).__name__} is no Siren", "pass the bundle's network_def or its TorchScript export"
        )
    twin = Siren(**sizes)
    twin.load_state_dict({name: value.detach().clone() for name, value in network.state_dict().items()})
    return twin.eval()


class StrainerInferer(Inferer):
    """Super-resolves or denoises every image of a batch.

    Works under ``no_grad``, ``inference_mode`` and autocast, with eager and TorchScript networks, and never changes
    the network: two scans cannot influence one another.

    Args:
        scale: 1 denoises; one factor refines in-plane; three factors name the array axes.
        prior: plane, intensity rule and head size that go with the network (:func:`monai_strainer.load_prior`); those
            of an adult brain by default. Its network is not used.
        cold: fit freshly drawn networks instead: the baseline without a prior.
        with_std: give a second channel with the standard deviation of every voxel.
        options: options of :class:`monai_strainer.RestoreOptions` by name, such as ``method``, ``profile``, ``sigma``,
            ``steps``, ``adapt``, ``seed``; unknown ones are refused. The thickness of slices is by default
            ``slice_thickness`` of the meta data.
        more: options by name as well.

    Raises:
        InputError: an option that does not exist or cannot be used, or what is no prior.

    Example:
        >>> inferer = StrainerInferer(scale=2, steps=0)
        >>> image = torch.rand(1, 1, 12, 12)
        >>> inferer(inputs=image, network=Siren(3, hidden_channels=8)).shape
        torch.Size([1, 1, 24, 24])
    """

    def __init__(
        self,
        scale: float | list[float] = 1.0,
        prior: Prior | None = None,
        cold: bool = False,
        with_std: bool = False,
        options: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__()
        if prior is not None and not isinstance(prior, Prior):
            raise InputError(f"a prior of type {type(prior).__name__}", "pass load_prior(BUNDLE)")
        if options is not None and not isinstance(options, Mapping):
            raise InputError(f"options of type {type(options).__name__}", "pass a dictionary of options by name")
        self.scale, self.prior, self.cold, self.with_std = scale, prior, cold, with_std
        self.options = changed(None, {**(options or {}), **more})

    def __call__(self, inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> MetaTensor:  # type: ignore[override]
        """Restore a batch of images.

        Args:
            inputs: ``(B, 1, H, W)`` or ``(B, 1, X, Y, Z)``, with affines if they are MetaTensors.
            network: the network of the bundle; has to be the one of the prior.
            args, kwargs: of MONAI's interface; not used.

        Returns:
            MetaTensor ``(B, 1 or 2, ...)`` float32 whose affine keeps the field of view; with ``args`` and ``kwargs``
            ignored.

        Raises:
            InputError: no tensor, another number of axes or channels, no image or complex ones, a slice axis or
                thickness that cannot be, or images that cannot be restored.
        """
        if not isinstance(inputs, Tensor) or inputs.is_complex():
            kind = f"of {inputs.dtype} values" if isinstance(inputs, Tensor) else f"a {type(inputs).__name__}"
            raise InputError(f"the batch is {kind}", "pass a tensor of magnitude images")
        if inputs.ndim not in (4, 5) or inputs.shape[1] != 1 or len(inputs) == 0:
            raise InputError(f"the batch has shape {tuple(inputs.shape)}", "pass (B, 1, H, W) or (B, 1, X, Y, Z)")
        device = inputs.device
        with torch.inference_mode(False), torch.enable_grad(), autocast_on(device, False):
            prior = self._prior_with(network, device)
            axes, thick = _stated(inputs, "slice_axis", -1), _stated(inputs, "slice_thickness", None)
            outputs = [self._one(*item, prior, device) for item in zip(inputs, _affines(inputs), axes, thick)]
            result = MetaTensor(torch.stack([image for image, _, _ in outputs]).to(device))
            if isinstance(inputs, MetaTensor):
                result.copy_meta_from(inputs)
                result.is_batch = True
            result.meta["strainer_report"] = [json.dumps(report) for _, _, report in outputs]
            affines = torch.from_numpy(np.stack([affine for _, affine, _ in outputs]))
            result.affine = affines if isinstance(inputs, MetaTensor) and inputs.affine.ndim == 3 else affines[0]
        return result

    def _prior_with(self, network: nn.Module, device: torch.device) -> Prior:
        """Return the rules with the weights of a network: a Siren, or the detail network of a general prior."""
        unwrapped = _unwrapped(network)
        if isinstance(unwrapped, DetailPrior):
            return self._general_with(unwrapped)
        siren = as_siren(unwrapped)
        rules = self.prior or Prior(siren)
        if self.cold:
            fresh = Prior.cold(self.options.seed, **sizes_of(siren))
            siren = fresh.network
            rules = replace(rules, digest=fresh.digest, record=fresh.record, detail=None)
        elif not _equal(siren, rules.network):  # the record must not name weights that were not used
            rules = replace(rules, digest="", detail=None)  # its features would be another network's
        return replace(rules, network=siren.to(device))

    def _general_with(self, network: DetailPrior) -> Prior:
        """Return the general prior with the weights of a detail network.

        Raises:
            InputError: the prior of the inferer is that of a cohort, or a start without a prior is asked for.
        """
        rules = self.prior
        if rules is None or rules.general is None or rules.record.get("kind") != "general" or self.cold:
            finding = "a detail network restores with the other parts of its general prior"
            raise InputError(finding, "pass load_prior(BUNDLE) of a general prior as `prior`, and leave out `cold`")
        general = rules.general
        if not _equal(network, general.detail):  # the record must not name weights that were not used
            own = DetailPrior(**sizes_of_detail(network))
            own.load_state_dict({name: value.detach().clone() for name, value in network.state_dict().items()})
            general = replace(general, detail=own.eval(), digest="")
        return replace(rules, detail=general.detail, general=general)

    def _one(
        self,
        image: Tensor,
        affine: np.ndarray,
        slice_axis: Any,
        slice_thickness: float | None,
        prior: Prior,
        device: torch.device,
    ) -> tuple[Tensor, np.ndarray, dict[str, Any]]:
        data = torch.as_tensor(image[0]).detach().float().cpu().numpy().copy()
        is_flat = data.ndim == 2
        data = data[..., None] if is_flat else data
        axis = int(slice_axis) if slice_axis in (-1, 0, 1, 2) else slice_axis  # a batch may hold it as a float
        scan = Volume(data, Grid(data.shape, affine), slice_axis=axis, thickness=slice_thickness)
        out = restore(scan, prior, self.scale, options=self.options, device=device)
        parts = [out.volume.data, out.std] if self.with_std else [out.volume.data]
        channels = torch.from_numpy(np.stack(parts))
        return channels[..., 0] if is_flat else channels, out.volume.grid.affine, out.report


def _unwrapped(network: nn.Module) -> nn.Module:
    """Return the network without what wraps it for several GPUs or for a compiler."""
    for wrapped in ("module", "_orig_mod"):  # what DistributedDataParallel and torch.compile call it
        network = getattr(network, wrapped, network)
    return network


def _equal(one: nn.Module, other: nn.Module) -> bool:
    """Return whether two networks hold the same weights."""
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name].cpu(), b[name].cpu()) for name in a)


def _affines(inputs: Tensor) -> list[np.ndarray]:
    """One 4x4 affine per batch item; unit voxels where the tensor carries none."""
    if not isinstance(inputs, MetaTensor):
        return [np.eye(4)] * len(inputs)
    affine = np.asarray(inputs.affine.detach().cpu(), dtype=np.float64)
    per_item = affine if affine.ndim == 3 else np.repeat(affine[None], len(inputs), 0)
    if per_item.shape[-1] == 3:  # a 2-D image's affine: put the missing axis in
        full = np.tile(np.eye(4), (len(per_item), 1, 1))
        full[:, :2, :2], full[:, :2, 3] = per_item[:, :2, :2], per_item[:, :2, 2]
        per_item = full
    return list(per_item)


def _stated(inputs: Tensor, name: str, otherwise: float | None) -> list[float | None]:
    """Return what the meta data hold under a name for every batch item; a NaN counts as nothing.

    Raises:
        InputError: no number, or neither one nor as many as there are items.
    """
    stated = inputs.meta.get(name) if isinstance(inputs, MetaTensor) else None
    if stated is None:
        return [otherwise] * len(inputs)
    try:
        found = np.ravel(np.asarray(stated, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} {stated!r} of the meta data is no number", "correct it or leave it out") from error
    if len(found) not in (1, len(inputs)):
        raise InputError(
            f"the meta data hold {len(found)} values of {name} for {len(inputs)} images", "give one, or one per image"
        )
    values = [otherwise if np.isnan(value) else float(value) for value in found]
    return values if len(values) == len(inputs) else values * len(inputs)


class FeatureInferer(Inferer):
    """Gives the network's last features, which is what pretraining by variable projection learns from.

    Args:
        half: run the products in bfloat16 (sine arguments stay in float32), twice as fast on processors that have it.
    """

    def __init__(self, half: bool = True) -> None:
        super().__init__()
        self.half = half

    def __call__(self, inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> Tensor:  # type: ignore[override]
        """Compute the features of coordinates.

        Args:
            inputs: ``(B, d, P, 1)`` coordinates in ``[-1, 1]``.
            network: coordinate network.
            args, kwargs: of MONAI's interface; not used.

        Returns:
            ``(B, C, P, 1)`` features.
        """
        plain = inputs.as_tensor() if isinstance(inputs, MetaTensor) else inputs
        with autocast_on(plain.device, self.half):
            return network(plain, features=True)
