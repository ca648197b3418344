# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Where an experiment's rows go: a table that grows row by row, and the page that shows it.

An experiment is a script with a ``main(argv)``: it lists its cases, makes the rows that are missing, and shows them.

    python -m experiments.claims DATASET                 # from the root of the repository; goes on where it stopped
    python -m experiments.claims DATASET --tiny          # seconds; writes under runs/tiny and not into the docs
    python -m experiments.claims --show                  # only the table and the figure, from the rows at hand
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.tables import fill
from monai_strainer import Prior
from monai_strainer.pretraining.phases import digest_of_weights
from monai_strainer.storage.tables import write_csv

__all__ = ["Results", "asked", "markdown", "newest", "weights_of"]

ROOT = Path(__file__).resolve().parent.parent
STAMP = ("seed", "device", "machine", "command")  # columns that say where a row comes from
Row = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """The rows of one experiment, and where it is shown.

    Args:
        name: of the experiment: its CSV, its block of the page, its figure.
        key: columns in which rows differ; a row whose key is there is not made again.
        home: folder of ``experiments/results``, ``docs/evidence.md`` and ``docs/images/evidence``.
        stamp: seed, device, machine and command of this run.
    """

    name: str
    key: tuple[str, ...]
    home: Path
    stamp: Mapping[str, Any]

    @property
    def file(self) -> Path:
        """The table."""
        return self.home / "experiments" / "results" / f"{self.name}.csv"

    @property
    def page(self) -> Path:
        """The page with the block ``<!-- name --> .. <!-- end of name -->``."""
        return self.home / "docs" / "evidence.md"

    def figure(self, part: str = "") -> Path:
        """Where a figure of the experiment belongs; its folder is made."""
        folder = self.home / "docs" / "images" / "evidence"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.name}{'_' + part if part else ''}.png"

    def rows(self) -> list[dict[str, str]]:
        """All rows at hand, as text."""
        if not self.file.exists():
            return []
        with self.file.open(newline="") as stream:
            return list(csv.DictReader(stream))

    def missing(self, cases: Iterable[Row]) -> Iterator[Row]:
        """Yield the cases that have no row yet; asked again before each, so that rows added meanwhile count."""
        for case in cases:
            wanted = tuple(_stated(case[name]) for name in self.key)
            if all(tuple(row[name] for name in self.key) != wanted for row in self.rows()):
                yield case

    def add(self, row: Row) -> None:
        """Write one finished row, stamped; the file is whole at any moment. Also shown."""
        stated = {name: _stated(value) for name, value in row.items()}
        print("  ".join(f"{name} {value}" for name, value in stated.items()), flush=True)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(self.file):
            rows: list[Row] = [*self.rows(), {**stated, **self.stamp}]
            columns = [*dict.fromkeys(name for one in rows for name in one if name not in STAMP), *STAMP]
            write_csv(rows, self.file, columns, lineterminator="\n")

    def show(self, text: str, *figures: Path) -> None:
        """Put a text (tables, mostly) and figures into the block of the page, and print the text."""
        print(text)
        pictures = [f"![{file.stem.replace('_', ' ')}]({file.relative_to(self.page.parent)})" for file in figures]
        if not self.page.exists():  # a trial run: a page of its own
            self.page.parent.mkdir(parents=True, exist_ok=True)
            self.page.write_text(f"<!-- {self.name} -->\n<!-- end of {self.name} -->\n")
        fill(self.page, {self.name: "\n\n".join([text.strip(), *pictures])})


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Wait until no other process writes to the same table: several may share the cases of one experiment."""
    with (Path(tempfile.gettempdir()) / f"{hashlib.sha256(str(file).encode()).hexdigest()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stated(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def weights_of(prior: Prior) -> str:
    """Name the weights of both detail networks, the cohort's and the general one, by the first digits of their sha256.

    Rows of `restore` are keyed by it: a row belongs to the weights that made it, and newer weights get their own rows.
    """
    networks = [prior.detail, None if prior.general is None else prior.general.detail]
    return " ".join("none" if network is None else digest_of_weights(network)[:6] for network in networks)


def newest(rows: Sequence[Mapping[str, str]], by: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return the rows of methods without weights, and of the others those of the weights that came last.

    Args:
        rows: of an experiment whose key has the column `prior`.
        by: columns; the last weights are looked for in every group of rows that are equal there.

    Example:
        >>> rows = [{"task": task, "prior": prior} for task, prior in (("a", "old"), ("b", "old"), ("a", "new"))]
        >>> [row["prior"] for row in newest(rows, ["task"])]
        ['old', 'new']
    """
    last = {tuple(row[name] for name in by): row["prior"] for row in rows if row["prior"]}
    return [dict(row) for row in rows if row["prior"] in ("", last.get(tuple(row[name] for name in by)))]


def markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table; the first column is text, the others numbers, floats with two digits.

    Example:
        >>> print(markdown(["method", "PSNR"], [["a", 31.256], ["b", None]]))
        | method | PSNR |
        | --- | ---: |
        | a | 31.26 |
        | b |  |
    """

    def cell(value: Any) -> str:
        return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)

    lines = [list(columns), ["---", *["---:"] * (len(columns) - 1)], *([cell(v) for v in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def asked(
    name: str, doc: str, key: Sequence[str], argv: Sequence[str] | None, **more: Mapping[str, Any]
) -> tuple[argparse.Namespace, Results]:
    """Parse the options of an experiment, and return them with its results.

    Args:
        name: of the experiment.
        doc: of the script.
        key: columns in which rows differ.
        argv: words of the command line; those of the process by default.
        more: options of its own: ``scans={"type": int, "default": 1}`` is ``--scans``.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, nargs="?", help="BIDS folder of T1-weighted brains with a split")
    parser.add_argument("--tiny", action="store_true", help="the smallest run that goes through all of it")
    parser.add_argument("--show", action="store_true", help="make no row; only table and figure")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, default=None, help="root of what is written (default: the repository)")
    for option, given in more.items():
        parser.add_argument(f"--{option.replace('_', '-')}", **given)
    words = sys.argv[1:] if argv is None else list(argv)
    args = parser.parse_args(words)
    if args.dataset is None and not args.show:
        parser.error("a dataset is needed, or --show")
    home = args.home or (ROOT / "runs" / "tiny" if args.tiny else ROOT)
    words_shown = ["DATASET" if word == str(args.dataset) else word for word in words]  # no paths of this machine
    if args.home is not None:
        words_shown = [word for word in words_shown if word not in ("--home", str(args.home))]
    stamp = {
        "seed": args.seed,
        "device": torch.cuda.get_device_name(args.device) if args.device.startswith("cuda") else args.device,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}",
        "command": " ".join(["python -m", f"experiments.{name}", *words_shown]),
    }
    return args, Results(name, tuple(key), home, stamp)
