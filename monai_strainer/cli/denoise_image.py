# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Add and run ``denoise-image``: it takes the options of ANTs' ``DenoiseImage``, so a pipeline changes one word."""

from __future__ import annotations

import argparse
import os
import re
import time
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import InputError
from ..pipelines.device import device_of
from ..restoring.options import NOISES
from .messages import log, result
from .options import EPILOG, shared
from .progress import bar_of
from .targets import refuse_shut

__all__ = ["THREADS", "add_denoise_image", "denoise_image"]

THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"  # the variable by which pipelines limit the threads of ANTs
_OPEN, _CLOSE = "[{(<", "]})>"  # ANTs takes any of these around a list

_NOTE = """What differs from DenoiseImage:
  -s, -p, -r   are accepted and not used: there is no coarser image, patch or search window
  -d 4         every volume is denoised on its own
  outputs      that are there are replaced only with --overwrite, the input never
  exit codes   see below; DenoiseImage exits with 1 whatever is wrong

"""


def add_denoise_image(commands: Any) -> None:
    """Add ``denoise-image``."""
    text = "denoise an image with the options of ANTs' DenoiseImage"
    command = commands.add_parser(
        "denoise-image",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=_NOTE + EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # as there
    )
    command.set_defaults(run=denoise_image)
    add = command.add_argument
    add("-d", "--image-dimensionality", type=int, choices=(2, 3, 4), help="axes of the image (default: of the file)")
    add("-i", "--input-image", type=Path, required=True, metavar="IN", help="NIfTI or MGH file")
    add(
        "-o",
        "--output",
        type=str,
        nargs="+",
        required=True,
        metavar="OUT",
        help="denoised image to write, or [denoised,noise] for both",
    )
    add(
        "-n",
        "--noise-model",
        type=_noise_model,
        default="gaussian",
        metavar="Rician/(Gaussian)",
        help="Rician for magnitude images, noncentral_chi:N for N coils (default: Gaussian, as there)",
    )
    add("-x", "--mask-image", type=Path, metavar="MASK", help="only voxels where it is above zero are denoised")
    add("-s", "--shrink-factor", type=_count, metavar="N", help="accepted and not used")
    for letter, name in (("-p", "--patch-radius"), ("-r", "--search-radius")):
        add(letter, name, type=_radius, metavar="N|NxNxN", help="accepted and not used")
    add("-v", "--verbose", type=_yes_or_no, nargs="?", const=True, default=False, metavar="(0)/1", help="say more")
    add("--version", action="version", version=f"monai_strainer {__version__}")
    shared(command, verbose=False)


def denoise_image(args: Any) -> None:
    """Denoise one image file."""
    from ..pipelines.denoise_image import DenoiseRequest
    from ..pipelines.denoise_image import denoise_image as denoised
    from ..priors.store import load_prior
    from ..restoring.options import RestoreOptions
    from ..storage.atomic import clear

    target, noise_target = _outputs_of(args.output)
    request = DenoiseRequest(
        args.input_image, target, noise_target, args.mask_image, args.image_dimensionality, args.overwrite
    )
    for path in request.targets:
        clear(path)  # of what a killed process left
        refuse_shut(path)
    _limit_threads()
    if args.shrink_factor not in (None, 1):
        log.warning("note: the shrink factor is not used: the image is denoised as it is")
    began = time.monotonic()
    args.quiet = args.quiet or not args.verbose
    options = RestoreOptions(noise=args.noise_model, seed=args.seed)
    bar, move = bar_of(args, args.input_image.name, "slice")
    with bar:
        reports = denoised(request, load_prior(args.prior), options, device=device_of(args.device), progress=move)
    if args.verbose:
        for number, report in enumerate(reports, 1):
            volume = f", volume {number}" if len(reports) > 1 else ""
            model, sigma = report["noise"]["model"].removesuffix("Noise"), report["noise"]["sigma"]
            result(f"{target.name}{volume}: {model} noise, standard deviation {sigma:.4g}")
        result(f"{target.name}: {time.monotonic() - began:.0f} s")
    for warning in dict.fromkeys(warning for report in reports for warning in report["warnings"]):
        log.warning("note: %s", warning)


def _outputs_of(tokens: list[str]) -> tuple[Path, Path | None]:
    """Return the file names of ``-o``: one, or two in brackets; a shell may have split the brackets at spaces.

    Raises:
        InputError: more than two names, an empty one, or a bracket that is not closed.

    Example:
        >>> [name.name for name in _outputs_of(["[", "a.nii.gz,", "b.nii.gz", "]"])]
        ['a.nii.gz', 'b.nii.gz']
    """
    text = "".join(tokens)
    if text[:1] not in _OPEN:
        if len(tokens) > 1:
            raise InputError(f"{len(tokens)} outputs were given", "give one, or two as [denoised,noise]")
        return Path(text), None
    names = [name.strip() for name in text[1:-1].split(",")]
    if text[-1] not in _CLOSE or len(names) > 2 or not names[0]:
        raise InputError(f"the outputs {text!r} are not understood", "give one, or two as [denoised,noise]")
    return Path(names[0]), Path(names[1]) if len(names) == 2 and names[1] else None


def _limit_threads() -> None:
    """Compute with as many threads as a pipeline allows ANTs, where it says so."""
    wanted = os.environ.get(THREADS, "")
    if wanted.isdigit() and int(wanted) > 0:
        import torch

        torch.set_num_threads(int(wanted))


def _noise_model(text: str) -> str:
    """Read the name of a noise model, in any case; a parameter may follow it."""
    if text.lower().partition(":")[0] not in NOISES:
        raise argparse.ArgumentTypeError(f"{text!r} is no noise model: give one of {', '.join(NOISES)}")
    return text.lower()


def _count(text: str) -> int:
    """Read a whole number of 1 or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def _radius(text: str) -> str:
    """Read a radius: one number, or one per axis with x between them."""
    if not re.fullmatch(r"\d+(x\d+){0,3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no radius: give 1 or 1x1x1")
    return text


def _yes_or_no(text: str) -> bool:
    """Read 0, 1, true or false."""
    if text.lower() not in ("0", "1", "false", "true"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0 nor 1")
    return text.lower() in ("1", "true")
