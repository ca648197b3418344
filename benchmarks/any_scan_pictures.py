# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw what methods made of the first volume of every group of the any-scan benchmark: denoising and in-plane 2x.

python benchmarks/any_scan_pictures.py DATA [--out docs/images/any_scan] [--tasks denoise9,x2] [--volumes NAMES]

Above: truth, input, the best rival (BM4D; in super-resolution back-projection), and ours, which estimates the noise
level itself. Below: the standard deviation of ours and absolute errors, all on one scale, the 99th percentile of the
error of the input. The volumes are the first of their group in `any_scan_data.entries`, not chosen by their results.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from any_scan import ours, scores_of_case
from any_scan_data import Entry, entries, load
from any_scan_rivals import rival
from any_scan_sheet import compare
from any_scan_tasks import TASKS, measure

from monai_strainer import Prior, load_prior

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "any_scan"


def first_of_groups(found: list[Entry]) -> list[Entry]:
    """Return the first volume of every group that was not resampled."""
    first: dict[str, Entry] = {}
    for entry in found:
        if not entry.is_resampled:
            first.setdefault(entry.group, entry)
    return list(first.values())


def picture(entry: Entry, task: str, prior: Prior, folder: Path) -> Path:
    """Run the methods on a volume and draw them."""
    case = measure(load(entry), task)
    plain, best = ("input", "bm4d") if case.is_denoising else ("cubic", "back_projection")
    images = {name: rival(name, case, case.sigma) for name in (plain, best)}
    images["ours"], std = ours(case, prior, None, None)
    scores = {name: scores_of_case(case, image, None) for name, image in images.items()}
    titles = {name: f"{name}: {score['psnr']:.1f} dB, SSIM {score['ssim']:.3f}" for name, score in scores.items()}
    path = folder / f"{entry.group.replace(' ', '_')}_{task}.jpg"
    compare(case, images, titles, std, path)
    print(path.name, entry.name, *titles.values(), sep="; ", flush=True)
    return path


def main() -> None:
    """Draw the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="holds varied/manifest.tsv, oasis/ and dicom/structural/")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--tasks", default="denoise9,x2")
    parser.add_argument(
        "--volumes", default=None, help="names, separated by commas; the first of every group by default"
    )
    args = parser.parse_args()
    unknown = set(args.tasks.split(",")) - set(TASKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    found, prior = entries(args.data), load_prior()
    chosen = first_of_groups(found)
    if args.volumes is not None:
        chosen = [entry for entry in found if entry.name in args.volumes.split(",")]
    args.out.mkdir(parents=True, exist_ok=True)
    for task in args.tasks.split(","):
        for entry in chosen:
            picture(entry, task, prior, args.out)


if __name__ == "__main__":
    main()
