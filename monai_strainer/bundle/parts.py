# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Give configuration files what JSON cannot express: devices, scans, a metric, a check of options."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from tqdm import tqdm

from ..cohorts.read import Cohort, read_cohort, split_scans
from ..errors import InputError
from ..networks import DetailPrior, Siren, sizes_of, sizes_of_detail
from ..pipelines.bundle_folder import publish
from ..pipelines.prior_phases import train_detail as learned
from ..pretraining.detail import DetailRecipe
from ..pretraining.run import Run
from ..pretraining.variable_projection import ProjectionLoss
from ..priors.prior import Prior

__all__ = [
    "bar",
    "cohort_of",
    "filled",
    "launch",
    "local_device",
    "projection_psnr",
    "refuse_typos",
    "train_detail",
]

_Network = TypeVar("_Network", Siren, DetailPrior)
FLAG = re.compile(r"--|-[a-zA-Z]")
RUN_OPTIONS = {
    "run_id",
    "init_id",
    "final_id",
    "meta_file",
    "config_file",
    "logging_file",
    "tracking",
    "args_file",
    "workflow_type",
    "save_execute_config",
    "experiment_name",
    "run_name",
    "tracking_uri",
}


def refuse_typos(argv: Sequence[str] | None = None) -> None:
    """Refuse options of ``python -m monai.bundle run`` that no configuration file knows; MONAI takes them silently.

    Args:
        argv: the command line; that of the process by default. Anything but a bundle run is left alone.

    Raises:
        InputError: an option is neither MONAI's nor a top-level id of the configuration files.
    """
    argv = list(sys.argv if argv is None else argv)
    if len(argv) < 2 or Path(argv[0]).parts[-3:] != ("monai", "bundle", "__main__.py") or argv[1] != "run":
        return
    from fire.parser import DefaultParseValue
    from monai.bundle import ConfigParser

    options: dict[str, Any] = dict(_options(argv[2:]))
    if "args_file" in options:
        options = {**ConfigParser.load_config_file(options["args_file"]), **options}
    files = options.get("config_file", [])
    config = ConfigParser.load_config_files(DefaultParseValue(files) if isinstance(files, str) else files)
    known = RUN_OPTIONS | set(config)
    unknown = sorted(name for name in options if re.split(r"::|#", name)[0] not in known)
    if unknown:
        ends = tuple("#" + re.sub("::", "#", name) for name in unknown)
        meant = " or ".join(f"--{key}" for key in _keys(config) if key.endswith(ends))
        remedy = f"check the spelling: is {meant} meant?" if meant else "check the spelling"
        raise InputError(f"the configuration has no {', '.join('--' + name for name in unknown)}", remedy)


def _keys(config: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the ids of all values of a configuration, at every depth."""
    for name, value in config.items():
        yield f"{above}{name}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{above}{name}#")


def _options(words: Sequence[str]) -> list[tuple[str, str]]:
    """Names and values as Fire reads them: one dash or two, a dash within a name is an underscore."""
    found = []
    for word, after in zip(words, [*words[1:], "--"]):
        if FLAG.match(word):
            name, _, value = word.lstrip("-").partition("=")
            found.append((name.replace("-", "_"), value or ("" if FLAG.match(after) else after)))
    return found


def local_device() -> torch.device:
    """Return the device of this process: its own GPU under torchrun, the first one otherwise, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")


def launch() -> None:
    """Join the process group that torchrun describes: NCCL with GPUs, gloo without.

    The others wait while the first process trains the detail network, which takes hours.
    """
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(backend=backend, timeout=timedelta(days=7))
    if torch.cuda.is_available():
        torch.cuda.set_device(local_device())


def cohort_of(folder: str, split: str = "train", plane: str = "axial", shape: Sequence[int] = (96, 152, 200)) -> Cohort:
    """Read the aligned scans of one split of a folder: see :func:`monai_strainer.cohorts.read.read_cohort`.

    Args:
        folder: with the scans.
        split: ``"train"``, or anything else for those that validate.
        plane: in which slices are cut.
        shape: slices, rows and columns of the common grid.

    Raises:
        InputError: see :func:`monai_strainer.cohorts.read.split_scans`.
    """
    train, held_out = split_scans(folder)
    wide = (int(shape[0]), int(shape[1]), int(shape[2]))
    return read_cohort(train if split == "train" else held_out, plane=plane, shape=wide)


def filled(network: _Network, prior: Prior) -> _Network:
    """Copy the weights of a prior, whose file is read once, into the network of a configuration, and return it.

    Args:
        network: a Siren takes those of the coordinate network, a detail network those of the detail network.
        prior: as loaded.

    Raises:
        InputError: the network has other sizes than the prior's.
    """
    of, source = (sizes_of_detail, prior.detail) if isinstance(network, DetailPrior) else (sizes_of, prior.network)
    there = None if source is None else of(source)  # type: ignore[operator]
    if of(network) != there:  # type: ignore[operator]
        raise InputError(
            f"network_def has the sizes {of(network)}, the prior {there}",  # type: ignore[operator]
            "set network_def as the rules in models say",
        )
    assert source is not None
    network.load_state_dict(source.state_dict())
    return network


def projection_psnr(output: Any) -> float:
    """PSNR in dB that solved readouts reach on the points of a batch, from a MONAI engine's output.

    Args:
        output: list of dictionaries with ``pred`` (C, P, 1) features and ``label`` (N, P, 1) intensities in [-1, 1].
    """
    loss = ProjectionLoss(ridge=1e-4)
    errors = [float(loss(item["pred"][None].float(), item["label"][None])) for item in output]
    return -10 * math.log10(max(sum(errors) / len(errors) / 4, 1e-12))  # [-1, 1] has four times the power of [0, 1]


@contextmanager
def bar(title: str, steps: int) -> Iterator[Callable[[int, float], None]]:
    """Show a progress bar during a phase of a training, and yield the callback that moves it.

    Args:
        title: of the phase.
        steps: of the phase.

    Yields:
        called with a step, from 0, and its loss.
    """
    with tqdm(total=steps, desc=title, leave=False) as bar:

        def on_step(step: int, loss: float) -> None:
            bar.update(step + 1 - bar.n)
            bar.set_postfix_str(f"loss {loss:.4f}")

        yield on_step


def train_detail(
    prior: Prior,
    network: DetailPrior | None,
    recipe: DetailRecipe,
    scans: Sequence[Path],
    output_dir: str | Path,
    *,
    validation: Sequence[Path] = (),
    record: dict[str, Any] | None = None,
    **run: Any,
) -> Prior:
    """Train a detail network beside a coordinate network, and write both as a complete bundle.

    See :func:`monai_strainer.pipelines.prior_phases.train_detail`.

    Args:
        prior, network, recipe, scans, output_dir, record: see there.
        validation: scans that did not train, to measure the prior on.
        run: ``seed``, ``device`` and ``resume``, see :class:`monai_strainer.pretraining.run.Run`.
    """
    made = learned(prior, scans, output_dir, recipe, network=network, run=Run(**run), watch=bar, record=record)
    return publish(made, output_dir, validation)
