# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Export the detail network of a prior for other runtimes: torch.export or ONNX.

The exported program takes what :class:`monai_strainer.networks.DetailPrior` takes, for images of any size whose sides
are multiples of 8: `image`, `conditions` and, where the network takes any, `features` of the coordinate network; zeros
do without. It gives the image and the logarithm of its standard deviation. The correction by the measured data is not
part of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..networks import DetailPrior
from ..networks.detail import CONDITIONS
from ..priors.prior import Prior
from ..storage.atomic import atomic

__all__ = ["example_inputs", "export_detail", "exported"]

_BATCH, _LARGEST = 256, 512  # images at once; sides of an image over 8
_NAMES = ("image", "conditions", "features")


def example_inputs(network: DetailPrior, batch: int = 2, height: int = 48, width: int = 64) -> tuple[Tensor, ...]:
    """Return inputs of the right shapes for a detail network: image, conditions and, where it takes any, features.

    Args:
        network: of which the number of slices and of features is read.
        batch: images.
        height, width: of an image, in pixels.

    Returns:
        ``(batch, slices + 2, height, width)``, ``(batch, CONDITIONS)`` and, where the network takes features,
        ``(batch, features, height / 4, width / 4)``; uniform random values.
    """
    image = torch.rand(batch, network.slices + 2, height, width)
    features = (torch.rand(batch, network.features, -(-height // 4), -(-width // 4)),) if network.features else ()
    return image, torch.rand(batch, CONDITIONS), *features


def exported(network: DetailPrior) -> torch.export.ExportedProgram:
    """Export a detail network for any number of images, with sides that are multiples of 8.

    Args:
        network: on the CPU.
    """
    batch = torch.export.Dim("batch", min=1, max=_BATCH)
    rows, columns = (torch.export.Dim(name, min=2, max=_LARGEST) for name in ("rows", "columns"))
    shapes: list[dict[int, Any]] = [{0: batch, 2: 8 * rows, 3: 8 * columns}, {0: batch}]
    shapes += [{0: batch, 2: 2 * rows, 3: 2 * columns}] if network.features else []
    inputs = example_inputs(network)
    return torch.export.export(network.eval(), inputs, dynamic_shapes=tuple(shapes), strict=False)


def export_detail(prior: Prior, file: str | Path) -> Path:
    """Write the detail network of a prior as ``.pt2`` (torch.export) or ``.onnx``.

    Args:
        prior: with a detail network.
        file: to write; the suffix says which of the two.

    Returns:
        the file.

    Raises:
        InputError: another suffix, a file that is there, a prior without a detail network, or no package for ONNX.
    """
    target = Path(file)
    if target.suffix not in (".pt2", ".onnx"):
        raise InputError(
            f"{target.suffix or 'no suffix'} is no format to export to", "end the name in .pt2 or .onnx", target
        )
    if target.exists():
        raise InputError("the output exists already", "choose another name", target)
    if prior.detail is None:
        raise InputError("the prior has no detail network", "export that of mri_strainer or general_strainer", target)
    program = exported(prior.detail)
    with atomic(target) as temporary:
        if target.suffix == ".pt2":
            torch.export.save(program, temporary)
        else:
            _write_onnx(program, temporary, prior.detail.features > 0)
    return target


def _write_onnx(program: torch.export.ExportedProgram, file: Path, has_features: bool) -> None:
    """Write a program as ONNX, weights within the file.

    Raises:
        InputError: a package is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError("ONNX needs its packages", 'pip install "monai_strainer[onnx]"', file) from error
    names = _NAMES if has_features else _NAMES[:2]
    torch.onnx.export(
        program,
        (),
        str(file),
        dynamo=True,
        external_data=False,
        verbose=False,
        input_names=list(names),
        output_names=["restored", "log_std"],
    )
