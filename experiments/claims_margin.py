# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Why the fits of this repository end higher than the paper's: what differs is changed one by one, on five people.

python -m experiments.claims_margin DATASET

The paper's recipe in its plainest form, without the code of the package: ten images share an encoder (Adam at 1e-4), a
new image gets a random readout, and all of it is fitted with all pixels and Adam at 1e-4. Slices are those of
`experiments/claims.py`, a quarter as large on each side, with as many weights per pixel, and fewer steps.

- `as here`: float32, edge-aligned coordinates, intensities from -1 to 1.
- `TF32`: factors of every product are rounded to 10 bits behind the point, as accelerators do it in the format TF32.
- `corners`: coordinates are corner-aligned, as in the paper.
- `0 to 1`: intensities from 0 to 1, as the paper's text says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from experiments.claims_page import PUBLISHED
from experiments.noise_cohort import noise_slices
from experiments.results import Results, asked, markdown
from experiments.slices import cut
from monai_strainer.cohorts.read import split_scans
from monai_strainer.geometry import centres
from monai_strainer.networks import Siren

STARTS = ("siren", "strainer_10", "noise_uniform")
RATE, IMAGES, LOOK = 1e-4, 10, 10  # of Adam; that share an encoder; steps between two looks at the last quarter
LAST = 1 << 13  # of the 23 bits behind the point, TF32 keeps 10


@dataclass(frozen=True)
class Variant:
    """What differs.

    Args:
        rounded: whether factors are rounded to TF32.
        corners: whether coordinates are corner-aligned.
        low: intensity of the background; that of the brightest pixel is 1.
    """

    rounded: bool = False
    corners: bool = False
    low: float = -1.0


VARIANTS = {
    "as here": Variant(),
    "TF32": Variant(rounded=True),
    "corners": Variant(corners=True),
    "0 to 1": Variant(low=0.0),
}


def tf32(x: Tensor) -> Tensor:
    """Round to the nearest number of the format TF32; the gradient passes as it is.

    Example:
        >>> tf32(torch.tensor([1 + 2**-10, 1 + 2**-12])).tolist()
        [1.0009765625, 1.0]
    """
    with torch.no_grad():
        near = ((x.detach().contiguous().view(torch.int32) + LAST // 2) & -LAST).view(torch.float32)
    return x + (near - x).detach()


def images_at(points: Tensor, siren: Siren, weight: Tensor, bias: Tensor, variant: Variant) -> Tensor:
    """Return the images ``(P, N)`` of N readouts on one encoder at ``(P, 2)`` coordinates."""
    given = tf32 if variant.rounded else (lambda x: x)
    h = points
    for layer in siren.encoder:
        linear: Any = layer[0]  # type: ignore[index]
        h = torch.sin(siren.omega * F.linear(given(h), given(linear.weight), linear.bias))
    return F.linear(given(h), given(weight), bias)


def coordinates(side: int, variant: Variant) -> Tensor:
    """Return the ``(side^2, 2)`` coordinates of the pixels."""
    line = np.linspace(-1, 1, side) if variant.corners else centres(side)
    rows, columns = np.meshgrid(line, line, indexing="ij")
    return torch.from_numpy(np.stack([rows.ravel(), columns.ravel()], 1).astype(np.float32))


class Fit:
    """Fit images with one encoder, step by step.

    Args:
        siren: to start from; it changes.
        images: ``(N, side, side)``, 0 to 1.
        variant: how.
    """

    def __init__(self, siren: Siren, images: np.ndarray, variant: Variant) -> None:
        self.siren, self.variant, self.points = siren, variant, coordinates(images.shape[-1], variant)
        values = torch.from_numpy(images.astype(np.float32)).flatten(1).T
        self.values = variant.low + (1 - variant.low) * values  # (P, N)
        bound, width = math.sqrt(6 / siren.hidden_channels) / siren.omega, siren.hidden_channels
        drawn = [torch.nn.Linear(width, 1) for _ in images]
        self.weight = torch.empty(len(images), width).uniform_(-bound, bound).requires_grad_()
        self.bias = torch.cat([one.bias.detach() for one in drawn]).requires_grad_()
        self.adam = torch.optim.Adam([*siren.encoder.parameters(), self.weight, self.bias], RATE)

    def advance(self, steps: int) -> None:
        """Take steps on all pixels."""
        for _ in range(steps):
            self.adam.zero_grad()
            error = images_at(self.points, self.siren, self.weight, self.bias, self.variant) - self.values
            error.square().mean(0).sum().backward()
            self.adam.step()

    @torch.no_grad()
    def psnr(self) -> float:
        """Return the PSNR of the first image in dB; the brightest pixel is 1 above the background."""
        error = images_at(self.points, self.siren, self.weight, self.bias, self.variant) - self.values
        mean = float((error[:, 0] / (1 - self.variant.low)).square().double().mean())
        return -10 * math.log10(min(max(mean, 1e-15), 1e6))


@dataclass(frozen=True)
class Size:
    """How large an experiment is: pixels of a side, width, steps of pretraining and of fits, seed."""

    side: int
    width: int
    pretraining: int
    steps: int
    seed: int

    def fresh(self) -> Siren:
        """Draw a network."""
        torch.manual_seed(self.seed)
        return Siren(2, 1, self.width)


def encoder(start: str, variant: str, train: Sequence[Path], size: Size, store: Path) -> Siren:
    """Return a network whose encoder was shared by ten images; what is trained is kept."""
    siren = size.fresh()
    if start == "siren":
        return siren
    file = store / f"{start}_{variant}_{size.side}_{size.width}_{size.pretraining}_{size.seed}.pt".replace(" ", "_")
    if not file.exists():
        if start == "noise_uniform":
            images = noise_slices(IMAGES, (1, size.side, size.side), 0.0, size.seed).images[:, 0]
        else:
            images = np.stack([cut(path, size.side).image for path in train[:IMAGES]])
        Fit(siren, images, VARIANTS[variant]).advance(size.pretraining)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save(siren.encoder.state_dict(), file)
    siren.encoder.load_state_dict(torch.load(file, weights_only=True))
    return siren


def measured(siren: Siren, path: Path, variant: str, size: Size) -> dict[str, float]:
    """Fit a slice of a new person: PSNR at a quarter, a half and the end, lowest and highest of the last quarter."""
    torch.manual_seed(size.seed + 1)
    fit, quarter, found = Fit(siren, cut(path, size.side).image[None], VARIANTS[variant]), size.steps // 4, {}
    for name, steps in (("quarter", quarter), ("half", quarter)):
        fit.advance(steps)
        found[name] = fit.psnr()
    fit.advance(quarter)
    looks = []
    for _ in range(max(1, quarter // LOOK)):
        fit.advance(min(LOOK, quarter))
        looks.append(fit.psnr())
    return {**found, "end": looks[-1], "lowest": min(looks), "highest": max(looks)}


def show(results: Results) -> None:
    """Mean, spread and range over people, per start and variant, and a figure."""
    rows = results.rows()
    cases = [(s, v) for s in STARTS for v in VARIANTS if any((r["start"], r["variant"]) == (s, v) for r in rows)]
    shown, ax = plt.subplots(figsize=(7, 0.8 + 0.4 * len(cases)), layout="constrained")
    lines: list[list[Any]] = []
    for place, (start, variant) in enumerate(cases):
        some = [row for row in rows if (row["start"], row["variant"]) == (start, variant)]
        values = {name: np.array([float(row[name]) for row in some]) for name in ("quarter", "half", "end")}
        spread = [f"{v.mean():.1f} ± {v.std(ddof=1):.1f}" if len(v) > 1 else f"{v.mean():.1f}" for v in values.values()]
        ends = [np.mean([float(row[name]) for row in some]) for name in ("lowest", "highest")]
        lines.append([f"{start}, {variant}", len(some), *spread, *map(float, ends), PUBLISHED[start]])
        ax.plot(values["end"], np.full(len(some), place), "o", color=f"C{STARTS.index(start)}", alpha=0.7)
        ax.plot(PUBLISHED[start], place, "k|", markersize=14)
    ax.set_yticks(range(len(cases)), [f"{start}, {variant}" for start, variant in cases])
    ax.invert_yaxis()
    ax.set_xlabel("PSNR at the end, dB; a dot is a person, the line what was published")
    ax.spines[["top", "right"]].set_visible(False)
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    last = rows[-1] if rows else {"side": "", "width": "", "pretraining": "", "steps": ""}
    size = "{side} x {side}, width {width}, {pretraining} steps of pretraining, {steps} of fitting".format(**last)
    head = ["start, variant", "people", "at a quarter", "at half", "at the end", "lowest of the last quarter"]
    columns = [*head, "highest", "published at 2,000"]
    results.show(f"{size}; PSNR in dB, mean ± deviation over people:\n\n{markdown(columns, lines)}", results.figure())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then table and figure."""
    own = {
        "starts": {"default": ",".join(STARTS), "help": "with commas (default: all)"},
        "variants": {"default": ",".join(VARIANTS), "help": "with commas (default: all)"},
        "scans": {"type": int, "default": 5, "help": "of the split val"},
        "side": {"type": int, "default": 44},
        "width": {"type": int, "default": 64},
        "pretraining": {"type": int, "default": 2000},
        "steps": {"type": int, "default": 1000},
    }
    key = ("side", "width", "pretraining", "steps", "start", "variant", "scan")
    args, results = asked("claims_margin", __doc__, key, argv, **own)
    if not args.show:
        size = Size(args.side, args.width, args.pretraining, args.steps, args.seed)
        size = Size(16, 16, 3, 8, args.seed) if args.tiny else size
        train, val = split_scans(args.dataset)
        same = {"side": size.side, "width": size.width, "pretraining": size.pretraining, "steps": size.steps}
        for start in args.starts.split(","):
            for variant in args.variants.split(","):
                paths = {path.parent.parent.name: path for path in val[: args.scans]}
                cases = [{**same, "start": start, "variant": variant, "scan": name} for name in paths]
                for row in results.missing(cases):
                    siren = encoder(start, variant, train, size, results.home / "runs" / "claims_margin")
                    results.add({**row, **measured(siren, paths[row["scan"]], variant, size)})
    show(results)


if __name__ == "__main__":
    main()
