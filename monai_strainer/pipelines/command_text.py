# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write the command line that does what ``restore_file`` or ``fuse_files`` does; it names no folder and no patient.

Folders, file names of DICOM and series identifiers may name a patient; words in capitals stand in their place.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..fusing.options import FuseOptions
from ..io import is_image
from ..priors.prior import Prior
from ..priors.shipped import bundle_path
from ..priors.store import RULES
from ..restoring.options import RestoreOptions, declared

if TYPE_CHECKING:
    from .file_options import FileOptions, Outputs
    from .stack_files import StackFiles

__all__ = ["command_text", "fuse_text"]


def command_text(source: Path, target: Path, prior: Prior, options: FileOptions, outputs: Outputs) -> str:
    """Return the command line, with every option that differs from its default.

    Args:
        source, target, prior, options, outputs: of :func:`monai_strainer.pipelines.restore_file.restore_file`.

    Example:
        >>> from monai_strainer.pipelines.file_options import FileOptions, Outputs
        >>> options = FileOptions((1.0,), restore=RestoreOptions(sigma=20.0))
        >>> command_text(Path("/home/x/scan.nii"), Path("out.nii"), Prior.cold(), options, Outputs(std=True))
        'monai-strainer restore scan.nii out.nii --scale 1 --sigma 20 --std --prior BUNDLE'
    """
    names = [source.name if is_image(source) else "DICOM", target.name if is_image(target) else "OUT"]
    words = ["monai-strainer", "restore", *names]
    words += ["--spacing", _numbers(options.spacing)] if options.spacing else ["--scale", _numbers(options.scale)]
    words += _declared(options.restore)
    for name, value in (("seed", options.restore.seed or None), ("volume", options.volume), ("form", options.form)):
        words += [f"--{name}", str(value)] if value is not None else []
    words += ["--series-uid", "UID"] if options.series_uid else []
    words += ["--mask", "MASK"] if options.mask is not None else []
    words += ["--labels", "LABELS"] if outputs.labels is not None else []
    words += [f"--{name}" for name, is_set in _flags(outputs).items() if is_set]
    words += [] if prior.digest == _shipped() else ["--prior", "BUNDLE"]
    return shlex.join(words)


def fuse_text(files: StackFiles, target: Path, prior: Prior, options: FuseOptions, outputs: Outputs) -> str:
    """Return the command line of a fusion, with every option that differs from its default.

    Args:
        files, target, prior, options, outputs: of :func:`monai_strainer.pipelines.fuse_files.fuse_files`.

    Example:
        >>> from monai_strainer.pipelines.file_options import Outputs
        >>> from monai_strainer.pipelines.stack_files import StackFiles
        >>> files = StackFiles([Path("a.nii"), Path("b.nii")], volumes=[2], like=Path("c.nii"))
        >>> fuse_text(files, Path("out.nii"), Prior.cold(), FuseOptions(align=False), Outputs(std=True))
        'monai-strainer fuse a.nii b.nii out.nii --no-align --volume 2 --like IMAGE --std --prior BUNDLE'
    """
    words = ["monai-strainer", "fuse", *(one.name if is_image(one) else "DICOM" for one in files.paths)]
    words += [target.name if is_image(target) else "OUT", *_declared(options)]
    words += ["--seed", str(options.seed)] if options.seed else []
    words += ["--volume", _numbers(files.volumes)] if files.volumes else []
    words += ["--series-uid", ",".join(one and "UID" for one in files.series_uids)] if files.series_uids else []
    words += ["--form", files.form] if files.form else []
    words += ["--like", "IMAGE"] if files.like is not None else []
    words += [f"--{name}" for name, is_set in _flags(outputs).items() if is_set]
    words += [] if prior.digest == _shipped() else ["--prior", "BUNDLE"]
    return shlex.join(words)


def _flags(outputs: Outputs) -> dict[str, bool]:
    return {
        "std": outputs.std,
        "residual": outputs.residual,
        "write-mask": outputs.mask,
        "parametric-map": outputs.parametric_map,
        "enhanced": outputs.enhanced,
        "report": outputs.report,
    }


def _declared(options: RestoreOptions | FuseOptions) -> Iterator[str]:
    """Yield the words of options that a command line has."""
    for name, option in declared(type(options)).items():
        value = getattr(options, name)
        if not isinstance(value, bool | int | float | str | None):
            value = "MAP" if name == "sigma" else "CLASS"  # only Python takes it
        if value is None or value == option["default"]:
            continue
        yield f"--{'no-' if value is False else ''}{name.replace('_', '-')}"
        if option["kind"] is not bool:
            yield value if isinstance(value, str) else f"{value:g}"


def _numbers(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values)


def _shipped() -> str | None:
    """Return the hash of the prior that is used where none is named."""
    record = json.loads((bundle_path() / RULES).read_text(encoding="utf-8"))
    return str(record.get("sha256"))
