# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Pretraining: from a cohort of aligned slices to an encoder they share and the statistics of their heads.

The encoder is trained by *variable projection*: for any encoder the best heads follow in closed form, so they are
solved afresh in every step and only the encoder is learned. No head is ever stored, which makes memory flat in the
size of the cohort, several processes equal to one, and a released prior free of any patient's head. The paper's own
recipe, with one trained head per image, is there by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from .checkpoints import resume_from, save_checkpoint
from .fitting.head import with_bias
from .networks import SineTape, Siren, StrainerNet, encoded, sizes_of
from .noise_images import noise_slices
from .pretraining_meta import meta_learned
from .tiles import AlignedSlices, CohortTiles

__all__ = [
    "COHORT",
    "META",
    "PAPER",
    "AlignedSlices",
    "CohortTiles",
    "Kind",
    "ProjectionLoss",
    "Recipe",
    "head_statistics",
    "pretrain",
]

Kind = Literal["cohort", "meta", "noise"]


@dataclass(frozen=True)
class Recipe:
    """How to train an encoder.

    Args:
        steps: gradient steps.
        tiles: levels of the head that each step looks at.
        points: random pixels of each; None takes them all (full batch).
        images: scans of each, at most; None takes them all.
        rate: Adam's learning rate at its highest.
        warmup: steps over which the rate rises; afterwards it falls along a cosine to 3 % of itself.
        trained_heads: one trained head per image, as in the paper, in place of variable projection. Needs one level.
        ridge: weight of ``|w|^2`` in the projection.
    """

    steps: int = 8000
    tiles: int = 6
    points: int | None = 2048
    images: int | None = 32
    rate: float = 1e-3
    warmup: int = 30
    trained_heads: bool = False
    ridge: float = 1e-4

    def rate_at(self, step: int) -> float:
        """The learning rate of a step; constant where there is no warm-up, as in the paper."""
        if self.warmup == 0:
            return self.rate
        return (
            self.rate
            * min(1.0, (step + 1) / self.warmup)
            * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))
        )


COHORT = Recipe()
PAPER = Recipe(steps=5000, tiles=1, points=None, images=10, rate=1e-4, warmup=0, trained_heads=True)
META = Recipe(steps=5000, tiles=1, points=2048, images=1, rate=3e-4)


class ProjectionLoss(nn.Module):
    """Mean squared error of the best heads: ``min_w |y - w . phi|^2 / P + ridge |w|^2`` per image, averaged.

    The heads are solved without a gradient. By the envelope theorem the gradient that is left is the exact gradient
    of the minimum.

    Args:
        ridge: weight of ``|w|^2``.

    Source: Golub and Pereyra, "The Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems Whose
    Variables Separate", SIAM J. Numer. Anal. 1973.

    Example:
        >>> loss = ProjectionLoss(ridge=1e-6)
        >>> float(loss(torch.eye(4).reshape(1, 4, 4, 1), torch.rand(1, 2, 4, 1))) < 1e-4
        True
    """

    def __init__(self, ridge: float = 1e-3) -> None:
        super().__init__()
        self.ridge = ridge

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """``features`` (B, C, P, 1) and ``target`` (B, N, P, 1) to a scalar."""
        f = with_bias(features.float().flatten(2))  # (B, C + 1, P)
        y = target.to(f).flatten(2)  # (B, N, P)
        with torch.no_grad():
            heads = solve_ridge(f, y, self.ridge)  # (B, N, C + 1)
        return (heads @ f - y).square().mean() + self.ridge * heads.square().sum(-1).mean()


def solve_ridge(f: Tensor, y: Tensor, weight: float) -> Tensor:
    """Heads ``(B, N, C)`` that minimise ``|y - w f|^2 / P + weight |w|^2`` for ``f`` (B, C, P) and ``y`` (B, N, P)."""
    points = f.shape[-1]
    gram = f @ f.mT / points + weight * torch.eye(f.shape[1], device=f.device)
    return torch.linalg.solve(gram, f @ y.mT / points).mT


@torch.no_grad()
def head_statistics(
    siren: Siren, slices: AlignedSlices, points: int = 6000, ridge: float = 1e-3, seed: int = 0
) -> None:
    """Set the network's head to the cohort's mean head and ``head_covariance`` to their covariance.

    One head per scan and level is solved from random points; the covariance is shrunk by a tenth towards its diagonal,
    for a small cohort has fewer heads than a head has weights.
    """
    device = next(siren.parameters()).device
    levels = len(slices.axes[0])
    heads = []
    for level in range(levels):
        tile = CohortTiles(slices, 1, points, None, seed + level, level)[0]
        places = tile["image"][None, : siren.spatial_dims].to(device)
        f = with_bias(siren(places, features=True).float().flatten(2))
        heads.append(solve_ridge(f, tile["label"][None].to(device).flatten(2), ridge)[0].double())
    stacked = torch.cat(heads)  # (N S, C + 1)
    covariance = torch.cov(stacked.T) if len(stacked) > 1 else torch.eye(stacked.shape[1]).to(stacked)
    variances = covariance.diagonal().clamp_min(1e-8)
    covariance = 0.9 * covariance + torch.diag(0.1 * variances + 1e-6)
    mean = stacked.mean(0).float()
    siren.head.weight.copy_(mean[None, :-1])
    siren.head.bias.copy_(mean[-1:])
    siren.get_buffer("head_covariance").copy_(covariance.float())


def _batches(tiles: CohortTiles, count: int, start: int) -> Iterator[list[dict[str, Tensor]]]:
    for step in range(start, len(tiles) // count):
        yield [tiles[step * count + k] for k in range(count)]


def pretrain(
    slices: AlignedSlices | None = None,
    recipe: Recipe | None = None,
    *,
    kind: Kind = "cohort",
    network: Siren | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    checkpoint: Path | None = None,
    every: int = 250,
    resume: bool = False,
    on_step: Callable[[int, float], None] | None = None,
) -> Siren:
    """Train an encoder on a cohort and describe the heads that go with it.

    Args:
        slices: the cohort, aligned. Of the kind ``noise`` they may be left out: fields of 1/f noise are drawn instead.
        recipe: ``COHORT`` or ``PAPER`` or one of your own; by default ``META`` for that kind and ``COHORT`` otherwise.
        kind: ``cohort`` trains an encoder that images share; ``meta`` a start for all layers, head included
            (:func:`monai_strainer.pretraining_meta.meta_learned`); ``noise`` as ``cohort``, on
            :func:`monai_strainer.noise_images.noise_slices`.
        network: where to start and how wide to be; a fresh ``Siren()`` by default. Not changed.
        seed: of initialisation and draws; the same seed gives the same bytes on one CPU.
        device: where to train. On a GPU the products run in bfloat16, sine arguments in float32.
        checkpoint: file to write every ``every`` steps, whole or not at all.
        resume: go on from the checkpoint if it is there, bit for bit on a CPU.
        on_step: called with the step and its loss.

    Returns:
        a Siren: the shared encoder, the cohort's mean head and its covariance.

    Raises:
        InputError: the checkpoint belongs to another recipe or seed.
        ValueError: another kind, or no slices where there must be some.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> axes = tuple(np.linspace(-1, 1, n, dtype=np.float32) for n in (2, 8, 8))
        >>> cohort = AlignedSlices(rng.random((3, 2, 8, 8)).astype(np.float16), axes)
        >>> net = pretrain(cohort, Recipe(steps=2, points=32), network=Siren(3, hidden_channels=16))
        >>> net.head_covariance.shape
        torch.Size([17, 17])
    """
    if kind not in get_args(Kind) or (slices is None and kind != "noise"):
        raise ValueError(f"kind {kind!r} with {'no' if slices is None else 'given'} slices: choose 'cohort' or 'meta'")
    slices = noise_slices(seed=seed) if slices is None else slices
    recipe = recipe or (META if kind == "meta" else COHORT)
    if kind == "meta" and recipe.trained_heads:
        raise ValueError("a start has one head for all images: its recipe cannot have trained heads")
    device = torch.device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        siren = Siren() if network is None else _copy(network)
        levels, scans = slices.images.shape[1], slices.images.shape[0]
        heads = min(scans, recipe.images or scans)
        shared = StrainerNet(
            siren.spatial_dims,
            1,
            siren.hidden_channels,
            siren.num_layers,
            siren.num_layers - 1,
            heads,
            siren.omega,
            siren.activation,
        )
    siren.to(device)
    shared.to(device)
    shared.encoder.load_state_dict(siren.encoder.state_dict())
    level = levels // 2 if recipe.trained_heads else None
    tiles = CohortTiles(slices, recipe.steps * recipe.tiles, recipe.points, recipe.images, seed, level)
    start, identity = 0, {**asdict(recipe), "seed": seed, "network": sizes_of(siren), "kind": kind}
    if kind == "meta":
        saving: dict[str, Any] = {"identity": identity, "checkpoint": checkpoint, "every": every, "resume": resume}
        rates = [recipe.rate_at(step) for step in range(recipe.steps)]
        head = meta_learned(siren, tiles, rates, on_step=on_step, **saving).eval().head
        learned = {name: value.clone() for name, value in head.state_dict().items()}
        head_statistics(siren, slices, ridge=recipe.ridge, seed=seed)
        head.load_state_dict(learned)  # the start's own, not the mean of solved ones
        return siren
    module: nn.Module = shared if recipe.trained_heads else shared.encoder
    optimiser = torch.optim.Adam(module.parameters(), recipe.rate)
    projection, tape = ProjectionLoss(recipe.ridge), SineTape(half=device.type == "cuda" or not recipe.trained_heads)
    if resume and (state := resume_from(checkpoint, identity, device)) is not None:
        module.load_state_dict(state["module"])
        optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
    for step, batch in enumerate(_batches(tiles, recipe.tiles, start), start):
        optimiser.param_groups[0]["lr"] = recipe.rate_at(step)
        optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for tile in [tiles[0]] if recipe.trained_heads else batch:  # the paper's images stay the same ones
            for coords, label in _pieces(tile, recipe, siren.spatial_dims, device):
                share = coords.shape[1] / tile["image"].shape[1] / len(batch)
                h = encoded(shared.encoder, coords.flatten(1).T[None], tape)  # (1, P, C)
                if recipe.trained_heads:
                    out = images_of(shared, h)[0].T  # (N, P)
                    loss = (out - label.flatten(1)).square().mean(1).sum()
                else:
                    loss = projection(h.mT[..., None], label[None])
                (share * loss).backward()
                total += share * float(loss.detach())
        optimiser.step()
        if on_step is not None:
            on_step(step, total / (heads if recipe.trained_heads else 1))
        if checkpoint is not None and ((step + 1) % every == 0 or step + 1 == recipe.steps):
            kept = {"module": module.state_dict(), "optimiser": optimiser.state_dict()}
            save_checkpoint(checkpoint, identity, step + 1, **kept)
    siren.encoder.load_state_dict(shared.encoder.state_dict())
    siren.eval()
    head_statistics(siren, slices, ridge=recipe.ridge, seed=seed)
    return siren


def images_of(shared: StrainerNet, features: Tensor) -> Tensor:
    """All images ``(B, P, N)`` at features ``(B, P, C)``, heads of a single layer in one product.

    One by one, as ``StrainerNet.forward`` has it for TorchScript, every head would read and write all features.
    """
    heads = [head[0] for head in shared.heads]  # type: ignore[index]
    weight, bias = torch.cat([head.weight for head in heads]), torch.cat([head.bias for head in heads])
    return nn.functional.linear(features, weight, bias)


def _pieces(
    tile: dict[str, Tensor], recipe: Recipe, dims: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """A tile on the device; whole slices with trained heads are cut so that activations stay in cache."""
    size = 4096 if recipe.trained_heads else tile["image"].shape[1]
    for coords, label in zip(tile["image"][:dims].split(size, dim=1), tile["label"].split(size, dim=1)):
        yield coords.to(device), label.to(device)


def _copy(network: Siren) -> Siren:
    twin = Siren(**sizes_of(network))
    twin.load_state_dict(network.state_dict())
    return twin
