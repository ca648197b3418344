# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train a detail network on a cohort and print how soon it has 95 % of what the whole training gains.

python benchmarks/training_time.py FOLDER [--steps 6000] [--checks 20] [--from BUNDLE] [--side 96]

One scan in five is held out. At every check the running average of the weights restores the same measured patches of
these scans; its gain is the fall of their mean squared error below that of the interpolated data, in dB, mean over the
patches. Seconds are processor time of the training alone: draws, steps and averages, no checks.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from monai_strainer.cohorts.read import read_heads
from monai_strainer.io import find_scans
from monai_strainer.networks import DetailPrior
from monai_strainer.pretraining.detail import DETAIL, DetailRecipe, begin_training, joined, patches_of
from monai_strainer.pretraining.patches import CleanScan
from monai_strainer.pretraining.run import ONCE
from monai_strainer.pretraining.tuning import held_out
from monai_strainer.priors.general_store import load_general

GROUPS = 32  # of patches of the scans held out
ENOUGH = 0.95  # of the final gain


class Check(NamedTuple):
    """A moment of a training: its step, the processor time until there, and what the network gains in dB."""

    step: int
    seconds: float
    gain: float


@torch.no_grad()
def gain_of(network: DetailPrior, groups: Sequence[dict[str, torch.Tensor]]) -> float:
    """Fall of the squared error below that of the interpolated data, in dB, mean over groups."""
    falls = []
    for group in groups:
        middle = network.slices // 2
        mean, _ = network(group["image"], group["conditions"])
        errors = [(one - group["label"]).square().mean() for one in (group["image"][:, middle : middle + 1], mean)]
        falls.append(10 * float(torch.log10(errors[0] / errors[1])))
    return statistics.mean(falls)


def watched(
    train: Sequence[CleanScan], held: Sequence[CleanScan], recipe: DetailRecipe, checks: int, start: DetailPrior | None
) -> list[Check]:
    """Train, and measure the gain before the first step and at evenly spaced steps."""
    training = begin_training({"features": 0, "equivariant": True}, start, None, recipe, ONCE)
    patches = patches_of(train, recipe, slices=training.network.slices)
    few = patches_of(held, replace(recipe, steps=1, groups=GROUPS), slices=training.network.slices, seed=1)
    shown = [few[k] for k in range(len(few))]
    due = {round(k * recipe.steps / checks) for k in range(1, checks + 1)}
    found, spent = [Check(0, 0.0, gain_of(training.average, shown))], 0.0
    for step in range(recipe.steps):
        began = time.process_time()
        training.step(step, joined([patches[step * recipe.groups + k] for k in range(recipe.groups)]))
        spent += time.process_time() - began
        if step + 1 in due:
            found.append(Check(step + 1, spent, gain_of(training.average, shown)))
            print(f"| {found[-1].step} | {found[-1].seconds:.0f} s | {found[-1].gain:+.3f} dB |", flush=True)
    return found


def soonest(found: Sequence[Check], part: float = ENOUGH) -> Check:
    """Return the first check from which on the gain stays above a part of the final one, counted from the start.

    Example:
        >>> soonest([Check(0, 0, 0), Check(1, 2, 0.96), Check(2, 4, 0.9), Check(3, 6, 0.97), Check(4, 8, 1)]).step
        3
    """
    least = found[0].gain + part * (found[-1].gain - found[0].gain)
    last = max((k for k, one in enumerate(found) if one.gain < least), default=-1)
    return found[min(last + 1, len(found) - 1)]


def main() -> None:
    """Train, and print the table and its last line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=DETAIL.steps)
    parser.add_argument("--checks", type=int, default=20)
    parser.add_argument("--from", dest="start", type=Path, default=None, help="general prior to begin with")
    parser.add_argument("--side", type=int, default=DETAIL.side, help="of a patch, in voxels")
    args = parser.parse_args()
    scans = find_scans(args.folder)
    train, held = held_out([str(path) for path in scans])
    heads = read_heads(scans)
    general = None if args.start is None else load_general(args.start)
    recipe = replace(DETAIL, steps=args.steps, side=args.side)
    print("| step | processor | gain on scans held out |\n| ---: | ---: | ---: |")
    found = watched(
        [heads[k] for k in train], [heads[k] for k in held], recipe, args.checks, general and general.detail
    )
    one, last = soonest(found), found[-1]
    whole = f"{last.gain - found[0].gain:.2f} dB in {last.step} steps and {last.seconds:.0f} s"
    print(f"\n{100 * ENOUGH:.0f} % of the final gain ({whole}) after {one.step} steps and {one.seconds:.0f} s")


if __name__ == "__main__":
    main()
