# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train the truncation network on slices whose acquisition is known: truncated k-space, or an average.

Whole slices are measured, not patches: the edge of a patch would ring as no edge of an object does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..errors import InputError
from ..networks.truncation import TruncationNet, sizes_of_truncation
from ..optim.muon import step_down
from ..optim.schedules import falling, set_rate
from ..physics import Profile, RicianNoise
from .contrasts import bias_field, intensity_curve
from .phases import announce, digest_of_weights
from .run import ONCE, Run
from .source import Source, digest_of
from .varied_patches import FRACTIONS

__all__ = ["TRUNCATION", "TruncationRecipe", "drawn_body", "large_enough", "measured_slice", "pretrain_truncation"]

_AIR = 0.05  # of the object's intensity: below lies background
_SOFT = (0.3, 1.0)  # standard deviation of the blur of a softened slice, in voxels


@dataclass(frozen=True)
class TruncationRecipe:
    """How to train a truncation network.

    Args:
        steps: gradient steps.
        slices: measured in a step.
        patches: of a slice.
        side: of a patch, in measured voxels.
        rate: Adam's, at its highest.
        factor: greatest factor of the larger voxels.
        highest: noise level, the object being about ``[0, 1]``.
        stripped: fraction of slices of which all but the brightest part is cut away before they are measured, as of a
            stripped head; half as many lose their background after it.
        softened: fraction of slices that are blurred before they are measured, as of scans that were interpolated or
            averaged after a registration.
        bodies: fraction of slices that are drawn bodies with hard edges, as of phantoms and simulations.
    """

    steps: int = 2400
    slices: int = 12
    patches: int = 3
    side: int = 48
    rate: float = 3e-3
    factor: float = 4.0
    highest: float = 0.1
    stripped: float = 0.4
    softened: float = 0.35
    bodies: float = 0.12


TRUNCATION = TruncationRecipe()


def large_enough(sources: Sequence[Source], recipe: TruncationRecipe = TRUNCATION) -> list[Source]:
    """Return the sources that have slices of ``1.25 side`` voxels or more along both axes.

    Args:
        sources: from :mod:`monai_strainer.cohorts.sources`.
        recipe: how large its patches are.
    """
    return [source for source in sources if _axes(source, recipe.side)]


def measured_slice(source: Source, recipe: TruncationRecipe, rng: np.random.Generator) -> tuple[Tensor, bool]:
    """Measure a random slice with larger voxels and noise.

    Args:
        source: where to cut; two axes of ``1.25 side`` voxels or more.
        recipe: what is drawn.
        rng: of the draw.

    Returns:
        the measured slice (H, W), and whether it is truncated k-space.
    """
    clean = _clean_slice(source, recipe, rng)
    if recipe.bodies and rng.random() < recipe.bodies:  # a fraction of 0 draws nothing: earlier seeds stay reproducible
        clean = drawn_body((clean.shape[0], clean.shape[1]), rng)
    elif recipe.softened and rng.random() < recipe.softened:
        clean = ndimage.gaussian_filter(clean, float(rng.uniform(*_SOFT)))
    x = torch.from_numpy(clean)
    cut = rng.random()
    if cut < recipe.stripped:
        x = x * torch.from_numpy(_brightest(x.numpy(), float(rng.uniform(_AIR, 0.4))))
    factor = 2.0 if rng.random() < 0.4 else math.exp(rng.uniform(math.log(1.25), math.log(recipe.factor)))
    factor = min(factor, min(x.shape) / recipe.side)
    is_truncated = bool(rng.random() < 0.5)
    kind = "kspace" if is_truncated else "box" if rng.random() < 0.85 else "gaussian"
    rows, columns = (_matrix(kind, n, round(n / factor)) for n in x.shape)
    sigma = 0.0 if rng.random() < 0.4 else math.exp(rng.uniform(math.log(0.002), math.log(recipe.highest)))
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    y = RicianNoise(sigma).sample((rows @ x @ columns.T).abs(), generator)
    if recipe.stripped <= cut < 1.5 * recipe.stripped:
        y = torch.where(y > _AIR, y, 0)
    return y, is_truncated


def _clean_slice(source: Source, recipe: TruncationRecipe, rng: np.random.Generator) -> NDArray[np.float32]:
    """Cut a slice with something in it, and give it a random contrast, bias field and orientation."""
    axis = int(rng.choice(_axes(source, recipe.side)))
    for _ in range(20):
        x = np.take(source.data, int(rng.integers(source.data.shape[axis])), axis).astype(np.float32)
        if (x > 2 * _AIR).mean() > 0.1:
            break
    x = intensity_curve(x, rng)
    if rng.random() < 0.4:
        x = x * bias_field(x.shape, rng, float(rng.uniform(0, 0.5)))
    x = x[:: int(rng.choice((-1, 1))), :: int(rng.choice((-1, 1)))]
    return np.ascontiguousarray(x.T if rng.random() < 0.5 else x, np.float32)


def drawn_body(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw an ellipse of smooth intensity with up to six ellipses of other intensity in it, all with hard edges.

    Args:
        shape: (H, W) of the slice, in voxels.
        rng: of the draw.

    Returns:
        (H, W), between 0 and about 1.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    image = np.zeros(shape)
    for index in range(1 + int(rng.integers(7))):
        limits = (0.5, 0.95) if index == 0 else (0.05, 0.5)
        radii, angle = rng.uniform(*limits, 2), rng.uniform(0, math.pi)
        v, u = (0.0, 0.0) if index == 0 else rng.uniform(-0.5, 0.5, 2)
        cosine, sine = math.cos(angle), math.sin(angle)
        across, along = cosine * (x - u) + sine * (y - v), cosine * (y - v) - sine * (x - u)
        fx, fy, phase = rng.uniform(0, 6, 3)
        wave = 1 + rng.uniform(0, 0.3) * np.cos(fx * x + phase) * np.cos(fy * y)
        inside = (across / radii[0]) ** 2 + (along / radii[1]) ** 2 < 1
        if index:
            inside &= image > 0
        image = np.where(inside, rng.uniform(0.1, 0.8) * wave, image)
    return image.astype(np.float32)


def _brightest(x: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    """Where a slice is brighter than a level, smoothed and without holes."""
    mask: NDArray[np.bool_] = ndimage.binary_fill_holes(ndimage.gaussian_filter(x, 2) > level * np.percentile(x, 99))
    return mask


def _axes(source: Source, side: int) -> list[int]:
    """Axes of which slices are large enough to be measured with larger voxels."""
    shape = source.data.shape
    return [axis for axis in source.axes if min(shape[k] for k in range(3) if k != axis) >= 1.25 * side]


@lru_cache(maxsize=2048)
def _matrix(kind: str, fine: int, measured: int) -> Tensor:
    return Profile(kind).matrix(fine, measured).float()


class _Patches:
    """Batches of measured patches, and which are truncated k-space."""

    def __init__(self, sources: Sequence[Source], recipe: TruncationRecipe, seed: int) -> None:
        self.recipe, self.seed = recipe, seed
        usable = large_enough(sources, recipe)
        if not usable:
            finding = f"no slice has two axes of {1.25 * recipe.side:g} voxels or more"
            raise InputError(finding, "give larger scans, or leave the truncation network out")
        self.kinds = {kind: [s for s in usable if s.kind == kind] for kind in FRACTIONS}
        present = [kind for kind in FRACTIONS if self.kinds[kind]]
        total = sum(FRACTIONS[kind] for kind in present)
        self.names, self.fractions = present, [FRACTIONS[kind] / total for kind in present]

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return patches ``(B, 1, side, side)`` of a step, and 1 where they are truncated k-space ``(B,)``."""
        rng = np.random.default_rng((self.seed, step, 3))
        images: list[Tensor] = []
        truncated: list[float] = []
        while len(images) < self.recipe.slices * self.recipe.patches:
            pool = self.kinds[str(rng.choice(self.names, p=self.fractions))]
            y, is_truncated = measured_slice(pool[int(rng.integers(len(pool)))], self.recipe, rng)
            found = self._cut(y, rng)
            images += found
            truncated += [float(is_truncated)] * len(found)
        return torch.stack(images)[:, None], torch.tensor(truncated)

    def _cut(self, y: Tensor, rng: np.random.Generator) -> list[Tensor]:
        side, found = self.recipe.side, []
        for _ in range(4 * self.recipe.patches):
            r, c = (int(rng.integers(n - side + 1)) for n in y.shape)
            patch = y[r : r + side, c : c + side]
            if float((patch > _AIR).float().mean()) >= 0.15:
                found.append(patch)
            if len(found) == self.recipe.patches:
                break
        return found


def pretrain_truncation(
    sources: Sequence[Source],
    recipe: TruncationRecipe = TRUNCATION,
    *,
    network: TruncationNet | None = None,
    run: Run = ONCE,
) -> TruncationNet:
    """Train a truncation network.

    Args:
        sources: from :mod:`monai_strainer.cohorts.sources`.
        recipe: how.
        network: where to start; changed in place.
        run: seed, device, checkpoint.

    Raises:
        InputError: no source is large enough, or the checkpoint belongs to another recipe, seed or network, or to other
            sources.
    """
    network = (network or run.drawn(TruncationNet)).to(run.device)
    patches, adam = _Patches(sources, recipe, run.seed), torch.optim.Adam(network.parameters(), recipe.rate)
    identity: dict[str, Any] = {**asdict(recipe), "seed": run.seed, "network": sizes_of_truncation(network)}
    if run.checkpoint is not None:
        identity |= {"sources": digest_of(sources), "start": digest_of_weights(network)}
    start = 0
    announce(f"truncation network: {recipe.steps} steps")
    if (state := run.resumed(identity)) is not None:
        network.load_state_dict(state["network"])
        adam.load_state_dict(state["optimiser"])
        start = state["step"]

    def state_now() -> dict[str, Any]:
        return {"network": network.state_dict(), "optimiser": adam.state_dict()}

    for step in range(start, recipe.steps):
        set_rate(adam, recipe.rate * min(1.0, (step + 1) / 50) * falling(step, recipe.steps, 0.01))
        image, truncated = (part.to(run.device) for part in patches.batch(step))
        loss = F.binary_cross_entropy_with_logits(network(image), truncated)
        step_down(network, [adam], loss, clip=1.0)
        run.done(step, loss.detach(), recipe.steps, identity, state_now)
    return network.eval()
