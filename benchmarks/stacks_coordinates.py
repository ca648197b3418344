# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fuse stacks by a function of coordinates in 3-D, and compare with kriging and with the detail network.

python benchmarks/stacks_coordinates.py SCAN.nii.gz [--voxels 48] [--thickness 4] [--steps 400]

The middle of an isotropic brain is cut into three moved and noisy stacks, as in `stacks.py`. All methods are given the
true motions, so that they differ in the image alone. `coordinates` fits one sine network of three coordinates to the
samples of all stacks at once: every sample is the mean of points through its slice, at the place where the slice lay.
`cohort` starts from the encoder that the shipped prior shares between heads, `random` from fresh weights. Samples that
are held out say when to stop. `start` is the PSNR of the image itself, `corrected` that after all data corrected it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from stacks import AXES, MOTIONS, NOISE, around, cut
from torch import Tensor

from monai_strainer import FuseOptions, Grid, Prior, Volume, load_prior, read
from monai_strainer.anatomy.head_frame import Pose, find_pose
from monai_strainer.fitting.stack_registration import Stack
from monai_strainer.fusing.images import corrected, kriged_start, restored_mean, with_deviation
from monai_strainer.fusing.stacks import prepared_stacks, restored_stack
from monai_strainer.networks import Siren, SirenStack
from monai_strainer.optim.muon import optimisers
from monai_strainer.optim.schedules import falling, set_rate
from monai_strainer.physics import rigid_matrix

SAMPLES = 4096  # of the stacks in a step
HELD_OUT = 2000  # samples
EVERY = 50  # steps between two looks at them


def middle_of(scan: Volume, voxels: int) -> tuple[Volume, Pose]:
    """Return the middle of a scan and the place of the head, counted in it."""
    part = tuple(slice((n - voxels) // 2, (n - voxels) // 2 + voxels) for n in scan.grid.shape)
    affine = scan.grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [one.start for one in part]
    pose = find_pose(scan.data > 0, scan.grid).within(scan.grid.shape, part)
    return Volume(np.ascontiguousarray(scan.data[part]), Grid((voxels,) * 3, affine)), pose


def head_matrix(grid: Grid, pose: Pose) -> NDArray[np.float64]:
    """Return the (4, 4) matrix from the world to head coordinates."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for k, (ras, sign) in enumerate(pose.axes):
        matrix[ras, k] = sign * 2 / grid.shape[k] / pose.half[k]
        matrix[ras, 3] = sign * (1 / grid.shape[k] - 1 - pose.centre[k]) / pose.half[k]
    found: NDArray[np.float64] = matrix @ np.linalg.inv(grid.affine)
    return found


def samples_of(stack: Stack, volume: Grid, to_head: NDArray[np.float64], through: int) -> tuple[Tensor, Tensor]:
    """Return head coordinates (N, through, 3) of the points of every sample that counts, and the samples (N,)."""
    kept = (stack.data(volume).weight > 0).numpy()
    index = np.argwhere(kept)[:, None].repeat(through, 1).astype(np.float64)
    index[..., stack.slice_axis] += (np.arange(through) + 0.5) / through - 0.5
    matrix = to_head @ rigid_matrix(stack.motion, stack.grid.corners().mean(0)) @ stack.grid.affine
    points = index @ matrix[:3, :3].T + matrix[:3, 3]
    return torch.from_numpy(points.astype(np.float32)), stack.y[torch.from_numpy(kept)]


def fitted(start: Siren, points: Tensor, y: Tensor, wanted: Tensor, steps: int, rate: float) -> tuple[Tensor, int]:
    """Fit a network to samples; return its values at wanted points where held-out samples are met best, and that step.

    Args:
        start: never changed.
        points: (N, T, 3) of the samples.
        y: (N,) in ``[0, 1]``.
        wanted: (M, 3).
        steps: of Muon.
        rate: of the hidden matrices; ten times as much for the first layer and the readout.
    """
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(y), generator=generator)
    held, kept = order[:HELD_OUT], order[HELD_OUT:]
    network = SirenStack(start, 1)
    engines = optimisers(network, "muon", rate, 10 * rate)
    full = [float(engine.param_groups[0]["lr"]) for engine in engines]

    def measured(some: Tensor) -> Tensor:
        at = points[some]
        values: Tensor = network(at.reshape(1, -1, 3))[0, :, 0].reshape(at.shape[:2]).mean(1)
        return (values + 1) / 2

    best, error, values = 0, float("inf"), torch.zeros(len(wanted))
    for step in range(steps + 1):
        if step % EVERY == 0 or step == steps:
            with torch.no_grad():
                found = float((measured(held) - y[held]).square().mean())
                if found < error:
                    parts = [network(part[None])[0, :, 0] for part in wanted.split(SAMPLES)]
                    best, error, values = step, found, (torch.cat(parts) + 1) / 2
        if step == steps:
            break
        for engine, own in zip(engines, full):
            set_rate(engine, own * falling(step, steps, 0.1))
            engine.zero_grad(set_to_none=True)
        some = kept[torch.randint(len(kept), (SAMPLES,), generator=generator)]
        (measured(some) - y[some]).square().mean().backward()
        for engine in engines:
            engine.step()
    return values, best


def stacks_of(truth: Volume, thickness: int, prior: Prior, sigma: float) -> tuple[list[Stack], list[object], float]:
    """Cut the stacks, and prepare them at their true places."""
    scans = [cut(truth, axis, thickness, q, sigma, axis) for axis, q in zip(AXES, MOTIONS)]
    given = prepared_stacks(scans, prior, FuseOptions())
    unit = given[0].scale
    moved = []
    for one, motion in zip(given, MOTIONS):
        gain = unit / one.scale
        stack = one.stack
        moved.append(Stack(stack.y, stack.grid, stack.slice_axis, stack.sigma, stack.profile, np.array(motion), gain))
    return moved, list(given), unit


def main() -> None:
    """Print a line for every method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path, help="isotropic head whose background is zero")
    parser.add_argument("--voxels", type=int, default=48, help="edge of the part that is fused")
    parser.add_argument("--thickness", type=int, default=4, help="of slices, in voxels")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rates", default="1e-4,1e-3", help="of the start from the cohort, and of that from random")
    args = parser.parse_args()
    prior, scan = load_prior(), around(read(args.scan))
    peak = float(np.percentile(scan.data[scan.data > 0], 99.9))
    truth, pose = middle_of(scan, args.voxels)
    stacks, given, unit = stacks_of(truth, args.thickness, prior, NOISE * peak)
    grid, data = truth.grid, [one.data(truth.grid) for one in stacks]
    inner = np.zeros(grid.shape, bool)
    inner[4:-4, 4:-4, 4:-4] = True  # the stacks have moved: at the edge not all of them see the same

    def psnr(image: Tensor) -> float:
        return float(-10 * np.log10(np.mean(np.square((image.numpy() * unit - truth.data)[inner] / peak))))

    def say(name: str, start: tuple[Tensor, Tensor], spent: float, remark: str = "") -> None:
        print(
            f"| {name} | {psnr(start[0]):.2f} | {psnr(corrected(start, data)):.2f} | {spent:.0f} | {remark} |",
            flush=True,
        )

    print("| method | start, dB | corrected, dB | processor time, s | |")
    print("| --- | ---: | ---: | ---: | --- |")
    say("kriging", kriged_start(stacks, grid), 0)
    begin = time.process_time()
    options = FuseOptions(spacing=float(grid.spacing.min()))
    parts = [
        restored_stack(one, stack, prior, options.edge, options.seed, "cpu")[0] for one, stack in zip(given, stacks)
    ]
    say("network", restored_mean(parts, grid), time.process_time() - begin)
    to_head = head_matrix(grid, pose)
    sampled = [samples_of(one, grid, to_head, args.thickness) for one in stacks]
    points = torch.cat([one for one, _ in sampled])
    y = torch.cat([values / stack.gain for (_, values), stack in zip(sampled, stacks)])
    index = np.indices(grid.shape).reshape(3, -1).T
    matrix = to_head @ grid.affine
    wanted = torch.from_numpy((index @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32))
    starts = {"cohort": prior.network, "random": Prior.cold(0).network}
    for (name, start), rate in zip(starts.items(), args.rates.split(",")):
        begin = time.process_time()
        values, best = fitted(start, points, y, wanted, args.steps, float(rate))
        image = values.reshape(grid.shape)
        say(f"coordinates, {name}", with_deviation(image, data), time.process_time() - begin, f"best step {best}")


if __name__ == "__main__":
    main()
