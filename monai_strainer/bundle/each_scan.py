# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run an evaluator scan by scan: one that cannot be restored does not end the run of the others."""

from __future__ import annotations

import logging
from typing import Any

from ..errors import InputError
from ..pipelines.batch import sentence_of

__all__ = ["run_each"]

log = logging.getLogger("monai_strainer")


def run_each(evaluator: Any) -> None:
    """Run MONAI's evaluator on every scan of its data loader by itself.

    Args:
        evaluator: ``monai.engines.Evaluator`` whose data loader has a dataset of single scans.

    Raises:
        InputError: scans could not be restored; the others are done by then. What ended a single scan is raised as
            it is.
    """
    from monai.data import DataLoader
    from torch.utils.data import Subset

    loader = evaluator.data_loader
    failed: list[Exception] = []
    count = len(loader.dataset)
    evaluator.state.epoch_length = 1
    for k in range(count):
        evaluator.data_loader = DataLoader(Subset(loader.dataset, [k]), batch_size=1, num_workers=loader.num_workers)
        try:
            evaluator.run()
        except Exception as error:
            if count == 1:
                raise
            evaluator._internal_run_generator = None  # ignite keeps that of the run that ended, and would run no more
            failed.append(_cause(error))
            log.error("%s", sentence_of(failed[-1]))
    evaluator.data_loader = loader
    if failed:
        raise InputError(
            f"{len(failed)} of {count} scans could not be restored: {'; '.join(map(sentence_of, failed))}",
            "repair them or leave them out; the others are done",
        ) from failed[0]


def _cause(error: Exception) -> Exception:
    """Return the refusal that MONAI has wrapped, or the error itself."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, InputError):
        found = found.__cause__ or found.__context__
    return found if isinstance(found, InputError) else error
