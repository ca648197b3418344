# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write a prior as a complete bundle: weights, configurations, metadata, licence and page.

Configurations are those of the bundle that comes with the package, with the sizes of the new networks. Configurations
that are there already stay: they may be the owner's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..cohorts.selection import Choice
from ..errors import InputError
from ..networks import sizes_of, sizes_of_detail
from ..pretraining.phases import announce
from ..priors.prior import Prior
from ..priors.shipped import bundle_path
from ..priors.store import RULES, load_prior, save_prior
from ..storage.atomic import atomic, json_text
from .bundle_metrics import measured
from .bundle_page import data_license, metadata, readme
from .prior_phases import CHECKPOINTS
from .prior_recipe import PriorRecipe

__all__ = [
    "Companions",
    "companions",
    "finished",
    "has_checkpoints",
    "publish",
    "remove_checkpoints",
    "validation_of",
    "write_companions",
]

_LICENSE, _TERMS, _PAGE, _METADATA = "LICENSE", "docs/data_license.txt", "docs/README.md", "configs/metadata.json"


def finished(out: Path, own: Mapping[str, Any], recipe: PriorRecipe) -> Prior | None:
    """Return the prior that a finished run left, or None where there is none, or checkpoints to go on from.

    Args:
        out: the bundle.
        own: what ``prior.json`` says of such a run.
        recipe: of the prior.

    Raises:
        InputError: the prior was made otherwise.
    """
    if not (out / RULES).is_file() or has_checkpoints(out, CHECKPOINTS):
        return None
    try:
        there = load_prior(out)
    except InputError:
        return None
    wanted = {name: value for name, value in json.loads(json_text(own)).items() if name not in ("command", "config")}
    found = {name: there.record.get(name) for name in wanted}
    if there.detail is not None:
        wanted["detail recipe"] = json.loads(json_text(asdict(recipe.detail)))
        found["detail recipe"] = there.record["detail"].get("recipe")
    if different := [name for name in wanted if wanted[name] != found[name]]:
        finding = f"the prior was made with another {', '.join(different)}"
        raise InputError(
            finding, "start again without --resume, or use the same scans, recipe, seed and network", out / RULES
        )
    announce("the prior is complete: nothing is left to do")
    return there


def publish(prior: Prior, out: str | Path, validation: Sequence[Path] = (), terms: str = "") -> Prior:
    """Write a prior as a complete bundle; the rules of the prior come last. The files of its training are removed.

    Args:
        prior: with its record.
        out: bundle folder.
        validation: scans that did not train, to measure the prior on.
        terms: of the data that the start was trained on.

    Returns:
        the prior as it now lies there.
    """
    folder = Path(out)
    metrics, template = measured(prior, validation), bundle_path()
    about = json.loads((template / _METADATA).read_text(encoding="utf-8"))
    described = metadata(about, folder.resolve().name, prior, metrics)
    texts = Companions(template, described, readme(prior, metrics), data_license(prior, terms))
    write_companions(folder, companions(folder, prior, texts))
    saved = save_prior(prior, folder, prior.record)
    remove_checkpoints(folder, CHECKPOINTS)
    return saved


def has_checkpoints(folder: Path, names: Sequence[str]) -> bool:
    """Return whether a training of a bundle can be resumed.

    Args:
        folder: of the bundle.
        names: of the files that the training keeps.
    """
    return any((folder / "runs" / name).exists() for name in names)


def remove_checkpoints(folder: Path, names: Sequence[str]) -> None:
    """Remove the files that an interrupted training would be resumed from.

    Args:
        folder: of the bundle.
        names: of the files that the training keeps.
    """
    for name in names:
        (folder / "runs" / name).unlink(missing_ok=True)


def validation_of(choice: Choice) -> list[Path]:
    """Return the scans of a choice that did not train."""
    return [path for path in choice.validation if path not in set(choice.train)]


@dataclass(frozen=True)
class Companions:
    """What lies beside the weights of a bundle.

    Args:
        template: bundle that comes with the package; its configurations and its licence are taken.
        metadata: for ``metadata.json``.
        page: text of ``docs/README.md``.
        terms: of the data, for ``docs/data_license.txt``.
    """

    template: Path
    metadata: Mapping[str, Any]
    page: str
    terms: str


def companions(folder: Path, prior: Prior, texts: Companions) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every file beside the weights that has to be written.

    Args:
        folder: the bundle; configurations, licence and terms that its owner wrote stay.
        prior: whose networks the configurations describe.
        texts: what to write.
    """
    template = texts.template
    for file in sorted((template / "configs").iterdir()):
        name = f"configs/{file.name}"
        if name != _METADATA and not (folder / name).exists():
            yield name, _config(file, prior)
    yield _METADATA, json.dumps(texts.metadata, indent=4) + "\n"
    yield _PAGE, texts.page
    if not (folder / _LICENSE).exists():
        yield _LICENSE, (template / _LICENSE).read_text(encoding="utf-8")
    shipped = (template / _TERMS).read_text(encoding="utf-8")
    if not (folder / _TERMS).exists() or (folder / _TERMS).read_text(encoding="utf-8") == shipped:
        yield _TERMS, texts.terms


def write_companions(folder: Path, files: Iterable[tuple[str, str]]) -> None:
    """Write files of a bundle, each completely or not at all.

    Args:
        folder: the bundle.
        files: name and text of each.
    """
    for name, text in files:
        with atomic(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _config(file: Path, prior: Prior) -> str:
    """Return a configuration with the sizes of the networks of a prior."""
    text = file.read_text(encoding="utf-8")
    config = json.loads(text) if file.suffix == ".json" else {}
    network = config.get("network_def")
    if network is None:
        return text
    sizes: dict[str, Any] = sizes_of(prior.network)
    if network["_target_"].rpartition(".")[2].startswith("Detail"):
        sizes = {} if prior.detail is None else sizes_of_detail(prior.detail)
        sizes = {name: value for name, value in sizes.items() if name != "features" or value == 0}
    config["network_def"] = {**network, **sizes}
    if "plane" in config:
        config["plane"] = prior.plane
    return json.dumps(config, indent=4) + "\n"
