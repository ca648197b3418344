# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Out-of-distribution scores of validation heads as they are, and changed step by step: which changes are detected?

python benchmarks/out_of_distribution.py DATASET [--scans 5]

Prints, per change, the four scores of ``monai_strainer.priors.similarity`` (robust deviations from what is
usual, the mean over scans) and in how many scans a warning came.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_strainer import Volume, load_prior, read
from monai_strainer.anatomy.coarse_image import coarse_head
from monai_strainer.anatomy.foreground import foreground, intensity_scale_of
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.cohorts.read import split_scans
from monai_strainer.priors.similarity import WORDS, aligned, similarity_scores

Image = NDArray[np.float32]


def ball(shape: tuple[int, ...], radius: float) -> NDArray[np.bool_]:
    """Return the mask of a ball that is off the middle of the head."""
    place = np.indices(shape) - (np.array(shape) / 2 + [25, 10, 10])[:, None, None, None]
    return np.asarray((place**2).sum(0) < radius**2)


def changes(scan: Volume) -> Iterator[tuple[str, Callable[[], Image]]]:
    """Names and makers of the changed scans."""
    data, head = scan.data, foreground(scan.data)
    top, rng = float(np.percentile(data[head], 99.5)), np.random.default_rng(0)
    yield "as it is", lambda: data
    for fraction in (0.05, 0.1):
        a, b = (fraction * top * rng.standard_normal(data.shape) for _ in range(2))
        yield f"noise of {100 * fraction:.0f} %", lambda a=a, b=b: np.hypot(data + a, b)
    for gamma in (0.6, 2.0):
        yield f"brightness to the power {gamma}", lambda g=gamma: top * (np.maximum(data, 0) / top) ** g
    for degrees in (5, 10, 20, 45):
        yield f"tilt of {degrees} degrees", lambda d=degrees: ndimage.rotate(data, d, (1, 2), reshape=False, order=1)
    for radius in (8, 12, 16, 20):
        for name, level in (("dark", 0.25), ("bright", 1.2)):
            yield (
                f"{name} tumour, {2 * radius} mm",
                lambda r=radius, v=level: np.where(ball(data.shape, r), v * top, data),
            )
    yield "inverted contrast", lambda: np.where(head, np.clip(1.1 * top - data, 0, None), 0)
    yield "front to back", lambda: data[:, ::-1]
    yield "upside down", lambda: data[:, :, ::-1]
    yield "nothing but noise", lambda: np.abs(rng.standard_normal(data.shape))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--scans", type=int, default=None)
    args = parser.parse_args()
    prior = load_prior()
    if prior.typical is None:
        raise SystemExit("the prior does not say what is usual")
    scores: dict[str, list[list[float]]] = {}
    for path in split_scans(args.dataset)[1][: args.scans]:
        scan = read(path)
        for name, make in changes(scan):
            image = np.ascontiguousarray(make(), dtype=np.float32)
            mask = foreground(image)
            coarse = coarse_head(image, find_pose(mask, scan.grid), intensity_scale_of(image, mask))
            found = similarity_scores(prior.network, aligned(prior.network, coarse)[0], prior.typical)
            warned = float(bool(prior.typical.warnings(found)))
            scores.setdefault(name, []).append([*prior.typical.scores(found).values(), warned])
    print(f"| change | {' | '.join(WORDS)} | warned |")
    print("| --- |" + " ---: |" * (len(WORDS) + 1))
    for name, rows in scores.items():
        *mean, _ = np.mean(rows, axis=0)
        cells = " | ".join(f"{value:.1f}" for value in mean)
        print(f"| {name} | {cells} | {sum(row[-1] for row in rows):.0f} of {len(rows)} |")


if __name__ == "__main__":
    main()
