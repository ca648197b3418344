# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Pretrain an encoder that aligned slices of a cohort share, and compute the statistics of their readouts.

The encoder is trained by *variable projection*: for any encoder the best readouts follow in closed form, so they are
solved afresh in every step and only the encoder is learned. No readout is ever stored, which makes memory flat in the
size of the cohort, several processes equal to one, and a released prior free of any patient's readout. The paper's own
recipe, with one trained readout per image, is there by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from ..anatomy.aligned_slices import AlignedSlices
from ..networks import SineTape, Siren, StrainerNet, encoded, sizes_of
from ..optim.cuda_graphs import Recorded, recorder_of
from ..optim.muon import adam
from ..optim.schedules import falling, set_rate
from .aligned_points import CohortTiles
from .meta import meta_learned
from .phases import Phase, announce, digest_of_arrays, digest_of_weights
from .run import ONCE, Run
from .variable_projection import ProjectionLoss, readout_statistics

__all__ = [
    "COHORT",
    "META",
    "PAPER",
    "AlignedSlices",
    "CohortTiles",
    "Kind",
    "ProjectionLoss",
    "Recipe",
    "readout_statistics",
    "pretrain",
]

Kind = Literal["cohort", "meta"]


@dataclass(frozen=True)
class Recipe:
    """How to train an encoder.

    Args:
        steps: gradient steps; with 0 the encoder stays as it is, and only its readouts are described.
        tiles: levels of the head that each step looks at.
        points: random pixels of each; None takes them all (full batch).
        images: scans of each, at most; None takes them all.
        rate: Adam's learning rate at its highest.
        warmup: steps over which the rate rises; afterwards it falls along a cosine to 3 % of itself.
        trained_heads: one trained readout per image, as in the paper, in place of variable projection. Needs one level.
            The name is that of ``prior.json``.
        ridge: weight of ``|w|^2`` in the projection.
    """

    steps: int = 12000
    tiles: int = 6
    points: int | None = 2048
    images: int | None = 32
    rate: float = 2e-4
    warmup: int = 30
    trained_heads: bool = False
    ridge: float = 1e-4

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step; constant where there is no warm-up, as in the paper."""
        if self.warmup == 0:
            return self.rate
        return self.rate * min(1.0, (step + 1) / self.warmup) * falling(step, self.steps, 0.03)


COHORT = Recipe()
PAPER = Recipe(steps=5000, tiles=1, points=None, images=10, rate=1e-4, warmup=0, trained_heads=True)
META = Recipe(steps=5000, tiles=1, points=2048, images=1, rate=3e-4)


def pretrain(
    slices: AlignedSlices,
    recipe: Recipe | None = None,
    *,
    kind: Kind = "cohort",
    network: Siren | None = None,
    run: Run = ONCE,
) -> Siren:
    """Train an encoder on a cohort and describe the readouts that go with it.

    Args:
        slices: the cohort, aligned.
        recipe: ``COHORT`` or ``PAPER`` or one of your own; by default ``META`` for that kind and ``COHORT`` otherwise.
        kind: ``cohort`` trains an encoder that images share; ``meta`` a start for all layers, readout included
            (:func:`monai_strainer.pretraining.meta.meta_learned`).
        network: where to start and how wide to be; a fresh ``Siren()`` by default. Not changed.
        run: seed, device, checkpoint. On a GPU the products run in bfloat16, sine arguments in float32. What follows
            the training is kept beside its checkpoint, in ``<stem>-statistics.pt``.

    Returns:
        a Siren: the shared encoder, the cohort's mean readout and its covariance.

    Raises:
        InputError: the checkpoint belongs to another recipe, seed or cohort.
        ValueError: another kind, or a recipe that does not go with it.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> axes = tuple(np.linspace(-1, 1, n, dtype=np.float32) for n in (2, 8, 8))
        >>> cohort = AlignedSlices(rng.random((3, 2, 8, 8)).astype(np.float16), axes)
        >>> net = pretrain(cohort, Recipe(steps=2, points=32), network=Siren(3, hidden_channels=16))
        >>> net.readout_covariance.shape
        torch.Size([17, 17])
    """
    if kind not in get_args(Kind):
        raise ValueError(f"there is no kind {kind!r}: choose 'cohort' or 'meta'")
    recipe = recipe or (META if kind == "meta" else COHORT)
    if kind == "meta" and recipe.trained_heads:
        raise ValueError("a start has one readout for all images: its recipe cannot have trained readouts")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        siren = Siren() if network is None else _copy(network)
        shared = _shared(siren, min(len(slices.images), recipe.images or len(slices.images)))
    siren.to(torch.device(run.device))
    identity = {**asdict(recipe), "seed": run.seed, "network": sizes_of(siren), "kind": kind}
    if run.checkpoint is not None:
        identity["slices"] = digest_of_arrays(slices.images, *slices.axes)
        identity["start"] = "" if network is None else digest_of_weights(network)
    learned: dict[str, Tensor] = {}
    if recipe.steps:
        announce(f"coordinate prior: {recipe.steps} steps")
    if kind == "meta":
        rates = [recipe.rate_at(step) for step in range(recipe.steps)]
        readout = meta_learned(siren, _tiles(slices, recipe, run.seed), rates, identity, run=run).readout
        learned = {name: value.clone() for name, value in readout.state_dict().items()}
    else:
        shared.to(torch.device(run.device)).encoder.load_state_dict(siren.encoder.state_dict())
        siren.encoder.load_state_dict(_learned(shared, slices, recipe, identity, run).state_dict())
    siren.eval()

    def described() -> dict[str, Any]:
        readout_statistics(siren, slices, ridge=recipe.ridge, seed=run.seed)
        siren.readout.load_state_dict({**siren.readout.state_dict(), **learned})  # a start's own, no mean
        return {"network": siren.state_dict()}

    file = run.checkpoint
    kept = None if file is None else file.with_name(f"{file.stem}-statistics.pt")
    phase = Phase("statistics of the readouts", {**identity, "weights": digest_of_weights(siren)}, kept, run.resume)
    siren.load_state_dict(phase.result(described)["network"])
    return siren


def _shared(siren: Siren, readouts: int) -> StrainerNet:
    """Build the network in training: an encoder of the sizes of ``siren``, and one readout per image."""
    return StrainerNet(
        siren.spatial_dims,
        1,
        siren.hidden_channels,
        siren.num_layers,
        siren.num_layers - 1,
        readouts,
        siren.omega,
        siren.activation,
    )


def _tiles(slices: AlignedSlices, recipe: Recipe, seed: int) -> CohortTiles:
    level = slices.images.shape[1] // 2 if recipe.trained_heads else None
    return CohortTiles(slices, recipe.steps * recipe.tiles, recipe.points, recipe.images, seed, level)


def _learned(
    shared: StrainerNet,
    slices: AlignedSlices,
    recipe: Recipe,
    identity: dict[str, Any],
    run: Run,
) -> nn.Module:
    """Train the encoder for all steps left. A finished checkpoint has no trained readouts, which are patient images."""
    module: nn.Module = shared if recipe.trained_heads else shared.encoder
    device, tiles = next(module.parameters()).device, _tiles(slices, recipe, run.seed)
    optimiser, start = adam(module.parameters(), recipe.rate), 0
    if (state := run.resumed(identity)) is not None:
        start = state["step"]
        if "encoder" in state:
            shared.encoder.load_state_dict(state["encoder"])
            return shared.encoder
        module.load_state_dict(state["module"])
        settings = optimiser.state_dict()["param_groups"]  # this device's, not those of the one before
        optimiser.load_state_dict({**state["optimiser"], "param_groups": settings})
    # solving for readouts waits for the accelerator, which a recorded step cannot
    advance = _step_of(shared, optimiser, recipe)
    step_once = Recorded(advance, recorder_of(device) if recipe.trained_heads else None)
    pieces: list[Tensor] = []
    if recipe.trained_heads:  # the paper's images stay the same ones
        pieces = _pieces([tiles[0]], recipe, shared.spatial_dims, device)
    for step in range(start, recipe.steps):
        set_rate(optimiser, recipe.rate_at(step))
        if not recipe.trained_heads:
            batch = [tiles[step * recipe.tiles + k] for k in range(recipe.tiles)]
            pieces = _pieces(batch, recipe, shared.spatial_dims, device)
        loss = step_once(*pieces)
        is_last = step + 1 == recipe.steps
        mean = loss / (len(shared.readouts) if recipe.trained_heads else 1)
        run.done(step, mean, recipe.steps, identity, partial(_state, shared, module, optimiser, recipe, is_last))
    return shared.encoder


def _state(
    shared: StrainerNet, module: nn.Module, optimiser: torch.optim.Optimizer, recipe: Recipe, is_last: bool
) -> dict[str, Any]:
    """Return what a checkpoint holds; a finished one has no trained readouts."""
    if is_last and recipe.trained_heads:
        return {"encoder": shared.encoder.state_dict()}
    return {"module": module.state_dict(), "optimiser": optimiser.state_dict()}


def _step_of(shared: StrainerNet, optimiser: torch.optim.Optimizer, recipe: Recipe) -> Callable[..., Tensor]:
    """One gradient step on pieces of coordinates and labels in turn; gives the loss before it."""
    device = next(shared.parameters()).device
    projection, tape = ProjectionLoss(recipe.ridge), SineTape(half=device.type == "cuda" or not recipe.trained_heads)

    def advance(*pieces: Tensor) -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), dtype=torch.float64, device=device)
        points = sum(coords.shape[1] for coords in pieces[::2])
        for coords, label in zip(pieces[::2], pieces[1::2]):  # (d, P, 1), (N, P, 1)
            h = encoded(shared.encoder, coords.flatten(1).T[None], tape)  # (1, P, C)
            if recipe.trained_heads:
                out = images_of(shared, h)[0].T  # (N, P)
                loss = (out - label.flatten(1)).square().mean(1).sum()
            else:
                loss = projection(h.mT[..., None], label[None])
            fraction = coords.shape[1] / points
            (fraction * loss).backward()
            total += fraction * loss.detach()
        optimiser.step()
        return total

    return advance


def images_of(shared: StrainerNet, features: Tensor) -> Tensor:
    """All images ``(B, P, N)`` at features ``(B, P, C)``, readouts of a single layer in one product.

    One by one, as ``StrainerNet.forward`` has it for TorchScript, every readout would read and write all features.
    """
    readouts = [readout[0] for readout in shared.readouts]  # type: ignore[index]
    weight, bias = (
        torch.cat([readout.weight for readout in readouts]),
        torch.cat([readout.bias for readout in readouts]),
    )
    return nn.functional.linear(features, weight, bias)


def _pieces(tiles: list[dict[str, Tensor]], recipe: Recipe, dims: int, device: torch.device) -> list[Tensor]:
    """Coordinates and labels of tiles in turn; whole slices are cut where that keeps activations in a CPU's cache."""
    pieces = []
    for tile in tiles:
        size = 4096 if recipe.trained_heads and device.type == "cpu" else tile["image"].shape[1]
        for coords, label in zip(tile["image"][:dims].split(size, dim=1), tile["label"].split(size, dim=1)):
            pieces += [coords.to(device), label.to(device)]
    return pieces


def _copy(network: Siren) -> Siren:
    twin = Siren(**sizes_of(network))
    twin.load_state_dict(network.state_dict())
    return twin
