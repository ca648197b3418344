# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find modules under the names they had before 0.2.0, with a warning; to be removed after one release."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "Finder", "install"]

_PACKAGE = __name__.rpartition(".")[0]
MOVED = {  # old name: new names, the first of them the successor
    "pose": "anatomy.head_frame anatomy.foreground",
    "glance": "anatomy.coarse_image",
    "bundle_parts": "bundle.parts",
    "bundle_training": "bundle.training",
    "bundle_evaluation": "bundle.evaluation",
    "bundle_federation": "bundle.federation",
    "commands": "cli.learn",
    "commands_general": "cli.learn_general",
    "commands_scans": "cli.restore",
    "cohort": "cohorts.read",
    "selection": "cohorts.selection",
    "split": "cohorts.split",
    "sources": "cohorts.sources pretraining.source",
    "contrasts": "pretraining.contrasts",
    "bids_names": "io.bids.names",
    "sidecars": "io.bids.sidecars",
    "checkpoints": "storage.checkpoints",
    "weights": "storage.weights",
    "phases": "pretraining.phases",
    "lessons": "cli.recipes",
    "tiles": "pretraining.aligned_points anatomy.aligned_slices",
    "projection": "pretraining.variable_projection fitting.readout",
    "patches": "pretraining.patches",
    "varied_patches": "pretraining.varied_patches",
    "pretraining_detail": "pretraining.detail",
    "pretraining_general": "pretraining.general cohorts.sources",
    "pretraining_meta": "pretraining.meta",
    "pretraining_noise": "pretraining.noise_level",
    "kept": "fitting.bounded_cache",
    "likeness": "priors.similarity",
    "general": "priors.general_store priors.prior",
    "bundles": "priors.shipped",
    "prior": "priors.store priors.prior",
    "baselines": "evaluation.baselines",
    "cases": "evaluation.degraded_case",
    "evaluate": "evaluation.benchmark",
    "table": "evaluation.table storage.tables",
    "demo": "pipelines.demo",
    "files": "pipelines.restore_file",
    "batch": "pipelines.batch",
    "jobs": "pipelines.jobs",
    "bids": "pipelines.bids",
    "picture": "reporting.figure",
    "report": "reporting.html",
    "restoration": "restoring.restore",
    "walks": "restoring.slicewise restoring.pass_context",
    "placing": "restoring.pose_search",
    "trust": "restoring.data_fit",
    "fitting.muon": "optim.muon",
    "fitting.rates": "optim.schedules",
    "fitting.recorded": "optim.cuda_graphs",
    "fitting.aligning": "fitting.registration",
    "fitting.head": "fitting.readout",
    "fitting.kriging": "fitting.data_consistency",
    "fitting.showing": "fitting.detail_inputs",
    "fitting.slices": "fitting.coordinate_fit",
    "fitting.stopping": "fitting.early_stopping",
    "networks.fused": "networks.sine_layers_cpu",
    "networks.recomputed": "networks.sine_layers_cuda",
    "physics.sigma": "physics.noise_estimation",
    "physics.weights": "physics.axis_matrices",
    "physics.lines": "physics.kspace_lines",
    "physics.draws": "physics.random_measurements",
    "io.scans": "io.find",
    "io.atomic": "storage.atomic",
    "io.leftovers": "storage.leftovers",
    "io.marks": "storage.marks",
    "io.record": "storage.provenance",
    "io.dicom_counts": "io.dicom.counts",
    "io.dicom_frames": "io.dicom.frame",
    "io.dicom_kinds": "io.dicom.kinds",
    "io.dicom_lossy": "io.dicom.lossy",
    "io.dicom_pixels": "io.dicom.pixels",
    "io.dicom_refusals": "io.dicom.checks",
    "io.dicom_stack": "io.dicom.stack",
    "io.dicom_survey": "io.dicom.survey",
    "io.dicom_verbatim": "io.dicom.verbatim",
    "io.dicom_volumes": "io.dicom.volumes",
    "io.dicom_write": "io.dicom.write",
    "io.nifti_header": "io.nifti.header",
    "io.nifti_placement": "io.nifti.placement",
    "io.outline": "io.nifti.outline",
}


class Finder(MetaPathFinder, Loader):
    """Import a module by its old name: it is the module of the new name, with names that moved elsewhere since.

    Example:
        >>> sorted(MOVED)[:2]
        ['baselines', 'batch']
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of an old name, or None for any other name."""
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == _PACKAGE and name in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return a module whose names are those of the new modules, and warn that the old name is deprecated."""
        new = [import_module(f"{_PACKAGE}.{name}") for name in MOVED[spec.name.partition(".")[2]].split()]
        text = f"{spec.name} is now {new[0].__name__}; the old name is removed in the next release"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return _Old(spec.name, new)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to run."""


class _Old(ModuleType):
    """A module under its old name."""

    def __init__(self, name: str, new: list[ModuleType]) -> None:
        super().__init__(name, new[0].__doc__)
        self._new = new

    def __getattr__(self, name: str) -> Any:
        for module in self.__dict__.get("_new", ()):
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def install() -> None:
    """Look for old names after all other finders."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
