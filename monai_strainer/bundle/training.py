# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run train.json of the bundle: one recipe for schedule, trainer and record, and last phases that can be resumed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..cohorts.read import Cohort
from ..errors import InputError
from ..networks import DetailPrior, Siren, sizes_of, sizes_of_detail
from ..pretraining.encoder import Recipe
from ..pretraining.phases import Phase, announce, digest_of_weights
from ..pretraining.variable_projection import readout_statistics
from ..priors.prior import Prior
from ..storage.checkpoints import resume_from, save_checkpoint
from .guard import Guard
from .keeping import Keeping

__all__ = ["ReadoutStatistics", "Work", "command", "detail_command", "is_first", "refuse_two_recipes", "train"]


@dataclass(frozen=True, eq=False)
class Work:
    """What a run of train.json trains, how, and where it keeps what is finished.

    Args:
        network: the network in training, wrapped or not.
        cohort: that it is trained on.
        recipe: how.
        seed: of the draws.
        output_dir: the bundle to write; finished phases lie in its folder ``runs`` until then.
        half: whether products run in bfloat16.
        resume: go on after the last phase that an interrupted run has finished.
        guard: decides whether a network that was trained further is kept; None keeps it.
    """

    network: nn.Module
    cohort: Cohort
    recipe: Recipe
    seed: int
    output_dir: str | Path
    half: bool = True
    resume: bool = False
    guard: Guard | None = None

    @property
    def siren(self) -> Siren:
        """The network itself, without what wraps it for several GPUs."""
        network = getattr(self.network, "module", self.network)
        if not isinstance(network, Siren):
            raise InputError(f"a {type(network).__name__} is no Siren", "pass the bundle's network_def")
        return network

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies this run."""
        own = {"seed": self.seed, "half": self.half, "cohort": self.cohort.digest, "network": sizes_of(self.siren)}
        return {**asdict(self.recipe), **own, **({} if self.guard is None else self.guard.identity)}

    def file(self, name: str) -> Path:
        """Where a finished phase is kept."""
        return Path(self.output_dir) / "runs" / name


def is_first() -> bool:
    """Return whether this process writes; under torchrun only one does."""
    return os.environ.get("RANK", "0") == "0"


class ReadoutStatistics:
    """Ignite handler: when training ends, keeps the weights or those of the start, then describes the readouts.

    Args:
        work: the run.
    """

    def __init__(self, work: Work) -> None:
        self.work = work

    def attach(self, engine: Any) -> None:
        """Run when training ends."""
        from ignite.engine import Events

        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Any) -> None:
        work, siren = self.work, self.work.siren
        steps, gain = work.recipe.steps, None
        if work.guard is not None and work.guard.is_on:
            gain = asdict(work.guard.gain_of(siren, work.recipe.ridge, work.seed, steps))
        if is_first():
            kept = {"network": siren.state_dict(), "gain": gain}
            save_checkpoint(work.file("trained.pt"), work.identity, steps, **kept)
        describe(work, resume=False)


HeadStatistics = ReadoutStatistics  # its name before 0.2.0


def describe(work: Work, resume: bool) -> None:
    """Set the network's readout to the cohort's mean readout, and its covariance; a phase that is done once."""
    siren = work.siren

    def described() -> dict[str, Any]:
        readout_statistics(siren, work.cohort.slices, ridge=work.recipe.ridge, seed=work.seed)
        return {"network": siren.state_dict()}

    kept = work.file("statistics.pt") if is_first() else None
    phase = Phase("statistics of the readouts", {**work.identity, "weights": digest_of_weights(siren)}, kept, resume)
    siren.load_state_dict(phase.result(described)["network"])


def refuse_two_recipes(trainer: Any, recipe: Recipe, seed: int) -> None:
    """Refuse a run whose trainer does other things than its recipe says: the schedule and the record would be wrong.

    Args:
        trainer: MONAI's ``SupervisedTrainer``.
        recipe: what ``prior.json`` will say.
        seed: likewise.

    Raises:
        InputError: two values differ; the message says which keys to set.
    """
    state, data = trainer.state, trainer.data_loader.dataset
    rate = trainer.optimizer.param_groups[0].get("initial_lr", trainer.optimizer.param_groups[0]["lr"])
    pairs: tuple[tuple[str, Any, Any, str], ...] = (
        ("steps", state.max_epochs * state.epoch_length, recipe.steps, "--epochs and --steps_per_epoch"),
        ("tiles", data.length, recipe.steps * recipe.tiles, "--epochs, --steps_per_epoch and --tiles"),
        ("points per tile", data.points, recipe.points, "--points"),
        ("scans per tile", data.images, recipe.images, "--scans_per_tile"),
        ("as the seed", data.seed, seed, "--seed"),
        ("as the ridge", trainer.loss_function.ridge, recipe.ridge, "--ridge"),
        ("as the learning rate", rate, recipe.rate, "--lr"),
    )
    for what, taken, said, keys in pairs:
        if taken != said:
            raise InputError(f"the training takes {taken} {what}, the recipe says {said}", f"set {keys} instead")


def train(trainer: Any, work: Work, keeping: Keeping | None = None) -> None:
    """Train, or take up what an interrupted run has finished.

    Args:
        trainer: MONAI's ``SupervisedTrainer`` with :class:`ReadoutStatistics` among its handlers.
        work: the run.
        keeping: the handler of the trainer that keeps every epoch.

    Raises:
        InputError: the trainer and the recipe do not agree, or what is finished belongs to another run.
    """
    refuse_two_recipes(trainer, work.recipe, work.seed)
    trained, device = work.file("trained.pt"), next(work.siren.parameters()).device
    announce(f"coordinate prior: {work.recipe.steps} steps")
    if work.resume and (state := resume_from(trained, work.identity, device)) is not None:
        work.siren.load_state_dict(state["network"])
        describe(work, resume=True)
        return
    if is_first() and not work.resume:
        for name in ("training.pt", "trained.pt", "statistics.pt", "reference.pt"):  # of an older run
            work.file(name).unlink(missing_ok=True)
    if keeping is not None:
        keeping.file, keeping.identity = work.file("training.pt"), work.identity
        if work.resume:
            keeping.go_on(trainer, device)
    trainer.run()


def command(config: str, options: Mapping[str, Any], network: Mapping[str, Any]) -> str:
    """Return the command line that makes the same prior of the same scans, with placeholders for folders.

    Args:
        config: configuration file of the bundle.
        options: its top-level keys that change the result, with their values.
        network: sizes of ``network_def``.

    Example:
        >>> command("configs/train.json", {"seed": 1, "grid": [6, 8]}, {"num_layers": 6}).split("OUT ")[1]
        "--seed 1 --grid '[6,8]' '--network_def#num_layers' 6"
    """
    sizes = {f"network_def#{name}": value for name, value in network.items()}
    given = {name: value for name, value in options.items() if value is not None}
    if "start" in given and Path(given["start"]).name != given["start"]:  # a folder may name patients
        given["start"] = "BUNDLE"
    return _command(config, {**given, **sizes})


def detail_command(options: Mapping[str, Any], network: DetailPrior, prior: Prior) -> str:
    """Return the command line of train_detail.json that makes the same detail network, with placeholders for folders.

    Args:
        options: top-level keys of the configuration that change the result, with their values.
        network: where the training starts: a fresh network, or the one of the prior.
        prior: in the bundle.
    """
    own = ("slices", "channels", "blocks")  # the number of features is that of the coordinate prior
    sizes = {f"network_def#{name}": value for name, value in sizes_of_detail(network).items() if name in own}
    start = {"network_def": "$@prior.detail"} if network is prior.detail else sizes
    return _command("configs/train_detail.json", {**options, **start})


def _command(config: str, options: Mapping[str, Any]) -> str:
    words = ["python", "-m", "monai.bundle", "run", "--config_file", config, "--bundle_root", "."]
    words += ["--dataset_dir", "DATASET", "--output_dir", "OUT"]
    for name, value in options.items():
        text = f"$torch.device('{value}')" if isinstance(value, torch.device) else str(value)
        if isinstance(value, list | tuple):
            text = str(list(value)).replace(", ", ",")
        words += [f"--{name}", text]
    return shlex.join(words)
