# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run ``restore --with``: one scan of thick slices, helped by sharper scans of other contrasts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..errors import InputError
from ..pipelines.device import device_of
from .messages import motion_text, result, warn
from .progress import bar_of
from .targets import require_target

Options = Any  # an argparse.Namespace; only the command line knows argparse

__all__ = ["restore_one_with"]

_ALONE = ("shard", "dry_run", "json", "mask", "labels", "residual", "write_mask", "parametric_map", "enhanced")


def restore_one_with(args: Options, options: Any, outputs: Any) -> int:
    """Restore one scan with the other contrasts that were named.

    Args:
        args: of the command line; ``guides`` are the other contrasts.
        options: of the restoration.
        outputs: what is written beside the result.

    Returns:
        exit status, 0.

    Raises:
        InputError: an option that does not combine with ``--with``, more than one scan, or a file that is missing.
    """
    from ..io import holds_images
    from ..pipelines.contrast_files import restore_with_files
    from ..pipelines.jobs import matched
    from ..priors.store import load_prior

    for name in _ALONE:
        if getattr(args, name):
            raise InputError(f"--{name.replace('_', '-')} does not go together with --with", "leave one of them out")
    sources = matched(args.inputs)
    if len(sources) != 1 or (sources[0].is_dir() and holds_images(sources[0])):
        raise InputError("--with restores one scan at a time", "name one scan, and its output")
    for guide in args.guides:
        if not guide.exists():
            raise InputError("there is no such scan", "check the path after --with", guide)
    require_target(args.output, [*sources, *args.guides], args.overwrite)
    if args.scale is None and args.spacing is None:
        options = replace(options, spacing=())
    prior, device = load_prior(args.prior), device_of(args.device)
    bar, move = bar_of(args, "restoring", "slice")
    with bar:
        report = restore_with_files(
            sources[0], args.guides, args.output, prior, options, outputs, device=device, progress=move
        )
    used = "used" if report["used"] else "not used"
    result(f"{args.output.name}: with {', '.join(one.name for one in args.guides)}, {used}: {report['why']}")
    for number, one in enumerate(report["guides"], 1):
        if one["moved"]:
            result(f"  contrast {number}: {motion_text(one)}")
    warn(report)
    return 0
