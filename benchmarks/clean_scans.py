# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What denoising does to scans without noise: how long it takes, and how much of the boundaries is left.

python benchmarks/clean_scans.py DATA [--volumes oasis_sub-1000,kidney_GE_e1]    # a folder with oasis/ and varied/
python benchmarks/clean_scans.py --show                                          # the table of the rows at hand

The table goes into docs/how_to/replace_denoise_image.md.

The middle slices of validation volumes, on the acquired grid where a scan is zero-filled, in three states: `clean`,
the slab after non-local means in three dimensions, which has hardly any noise left; `as it comes`; `noisy`, as it comes
with Rician noise of 3 % of the 99th percentile.
`ours` is `restore` with its defaults, as `monai-strainer denoise-image -n Rician` calls it; `plan` is what it does
before any network restores; `ants` is ANTs' DenoiseImage, where antspyx is installed, slice by slice.

`kept` is the strength of the edges that is left, ``sum(g . h) / sum(g . g)`` with the in-plane gradients ``g`` before
and ``h`` after, over the tenth of the object's voxels with the strongest gradient: 1 is all of it, less is blurred.
`change` is the root mean square change of these voxels in percent of the 99th percentile. Both are known for clean
scans only; a scan as it comes loses its own noise too. Seconds are processor time on one thread.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks import rivals
from benchmarks.any_scan_data import Entry, entries, load, middle, part
from benchmarks.noise import cleaned
from benchmarks.tables import fill, known
from monai_strainer import Prior, Volume, load_prior, plan, restore
from monai_strainer.physics import RicianNoise
from monai_strainer.storage.tables import write_csv

SLICES = 6
LEVEL = 0.03
STATES = ("clean", "as it comes", "noisy")
OUT = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "how_to" / "replace_denoise_image.md"
COLUMNS = ("volume", "group", "state", "method", "noise", "seconds", "plan_seconds", "kept", "change")
Image = NDArray[np.float32]


def slab(entry: Entry) -> tuple[Volume, NDArray[np.bool_]]:
    """Return the middle slices of a volume on its acquired grid, and where the object is."""
    whole = load(entry)
    cut = [slice(0, n) for n in whole.sharp.data.shape]
    n = whole.sharp.data.shape[whole.axis]
    cut[whole.axis] = middle(n, min(n, SLICES))
    data = np.ascontiguousarray(whole.sharp.data[tuple(cut)])
    return Volume(data, part(whole.sharp.grid, cut), slice_axis=whole.axis), whole.sharp_mask[tuple(cut)]


def in_state(scan: Volume, inside: NDArray[np.bool_], state: str) -> Volume:
    """Return the slab without noise, as it comes, or with noise added."""
    top, x = float(np.percentile(scan.data[inside], 99)), torch.from_numpy(scan.data.copy())
    if state == "clean":
        x = top * cleaned(x / top)
    if state == "noisy":
        x = RicianNoise(LEVEL * top).sample(x, torch.Generator().manual_seed(0))
    return Volume(x.numpy(), scan.grid, slice_axis=scan.slice_axis)


def edges(before: Image, after: Image, inside: NDArray[np.bool_], axis: int) -> tuple[float, float]:
    """Return ``kept`` and ``change`` of the strongest edges, see above.

    Args:
        before, after: (X, Y, Z).
        inside: (X, Y, Z) where the object is.
        axis: across the slices, along which no gradient is taken.
    """
    planes = tuple(k for k in range(3) if k != axis)
    g, h = (np.stack(np.gradient(image.astype(np.float64), axis=planes)) for image in (before, after))
    strength = np.square(g).sum(0)
    strong = inside & (strength >= np.quantile(strength[inside], 0.9))
    kept = float((g * h).sum(0)[strong].sum() / strength[strong].sum())
    change = float(np.sqrt(np.square(after - before)[strong].mean()) / np.percentile(before[inside], 99))
    return kept, 100 * change


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns, and its processor time in seconds."""
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


def row_of(entry: Entry, state: str, method: str, prior: Prior) -> dict[str, Any]:
    """Denoise one slab in one state by one method."""
    whole, inside = slab(entry)
    scan = in_state(whole, inside, state)
    row: dict[str, Any] = {"volume": entry.name, "group": entry.group, "state": state, "method": method}
    if method == "ours":
        planned, row["plan_seconds"] = timed(lambda: plan(scan, prior, 1))
        row["noise"] = 100 * planned.sigma / float(np.percentile(whole.data[inside], 99))
        restored, row["seconds"] = timed(lambda: restore(scan, prior, 1))
        out = restored.volume.data
    else:
        images, row["seconds"] = timed(lambda: rivals.ants(scan.slices(scan.slice_axis), 0.0))
        out = np.moveaxis(images, 0, scan.slice_axis)
    if state != "noisy":
        row["kept"], row["change"] = edges(scan.data, out, inside, scan.slice_axis)
    return row | {name: float(f"{value:.4g}") for name, value in row.items() if isinstance(value, float)}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the means as a table in markdown, one line per group, state and method."""
    lines = ["| scans | state | method | volumes | edges kept | change at edges | time | of a noisy scan |"]
    lines.append("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for group, method in dict.fromkeys((row["group"], row["method"]) for row in rows):
        mine = [row for row in rows if (row["group"], row["method"]) == (group, method)]
        noisy = np.mean([float(row["seconds"]) for row in mine if row["state"] == "noisy"] or [np.nan])
        for state in STATES:
            some = [row for row in mine if row["state"] == state]
            if not some:
                continue
            seconds = np.mean([float(row["seconds"]) for row in some])
            kept, change = "", ""
            if state != "noisy":
                kept = f"{np.mean([float(row['kept']) for row in some]):.3f}"
                change = f"{np.mean([float(row['change']) for row in some]):.2f} %"
            fraction = f"{seconds / noisy:.2f}"
            lines.append(
                f"| {group} | {state} | {method} | {len(some)} | {kept} | {change} | {seconds:.1f} s | {fraction} |"
            )
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    """Make the rows that are missing, and print the table."""
    rows: list[dict[str, Any]] = [*known(OUT)]
    if argv[0] != "--show":
        torch.set_num_threads(1)
        chosen = argv[2].split(",") if len(argv) > 2 else None
        prior = load_prior()
        if find_spec("ants"):  # the time to load it does not count
            rivals.ants(np.eye(8, dtype=np.float32)[None], 0.0)
        for entry in entries(Path(argv[0])):
            if entry.is_resampled or (chosen is not None and entry.name not in chosen):
                continue
            for method in ("ours", *(["ants"] if find_spec("ants") else [])):
                for state in STATES:
                    if any((r["volume"], r["state"], r["method"]) == (entry.name, state, method) for r in rows):
                        continue
                    rows.append(row_of(entry, state, method, prior))
                    write_csv(rows, OUT, COLUMNS)
                    print(rows[-1], flush=True)
    print(table(rows))
    fill(PAGE, {"clean scans": table(rows)})


if __name__ == "__main__":
    main(sys.argv[1:])
