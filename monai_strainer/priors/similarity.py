# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compare a scan with the cohort: four scores, each relative to those of heads the prior has not seen.

- ``distance``: Mahalanobis distance of the solved readouts to the cohort's readouts, per weight.
- ``misfit``: root mean square of what the solved readouts leave unexplained.
- ``agreement``: correlation with the image of the cohort's mean head; low where the contrast is another.
- ``largest``: the greatest smoothed residual, in units of what is usual at that position; high where something is there
  that no head of the cohort has.

What is usual is learned from the mirror images of the cohort's heads: the prior knows the heads themselves too well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ..anatomy.coarse_image import REACH, CoarseHead
from ..fitting import align
from ..fitting.readout import features_of, solve_ridge
from ..networks import Siren

__all__ = ["SimilarityScores", "ReferenceScores", "aligned", "similarity_scores", "reference_scores"]

RIDGE = 1e-3
SMOOTH = (1.0, 2.0, 2.0)  # cells: about the size of a tumour that matters
COARSE = (8, 10, 12)  # of the map of usual residuals
LIMIT = 4.0  # robust standard deviations from what is usual that call for a warning
WORDS = {
    "distance": "its solved readouts lie far from the cohort's",
    "misfit": "the prior explains it badly",
    "agreement": "bright and dark are not where the cohort has them: another contrast, another body part or plane",
    "largest": "one region is unlike that of any head of the cohort: a large lesion, a defect or an artefact",
}


@dataclass(frozen=True)
class SimilarityScores:
    """How a head compares with a cohort.

    Args:
        distance: Mahalanobis distance of its solved readouts to the cohort's, per weight.
        misfit: root mean square of what the solved readouts leave unexplained, the object being about ``[0, 1]``.
        agreement: correlation with the image of the cohort's mean readout, -1 to 1.
        largest: greatest smoothed residual over the usual one at its position.
    """

    distance: float
    misfit: float
    agreement: float
    largest: float


@dataclass(frozen=True, eq=False)
class ReferenceScores:
    """What is usual for unseen heads of the cohort's kind.

    Args:
        middle: medians of the four numbers.
        spread: their robust standard deviations.
        residual: ``COARSE`` map of the usual smoothed residual.
    """

    middle: SimilarityScores
    spread: SimilarityScores
    residual: NDArray[np.float32]

    def as_record(self) -> dict[str, Any]:
        """Plain numbers for JSON; no more than statistics of the whole cohort."""
        rows = np.round(self.residual.astype(float), 5).tolist()
        return {"middle": asdict(self.middle), "spread": asdict(self.spread), "residual": rows}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> ReferenceScores:
        """Build the reference scores from a record: the reverse of :meth:`as_record`.

        Raises:
            ValueError, KeyError, TypeError: the record is none.
        """
        residual = np.asarray(record["residual"], np.float32)
        parts = [SimilarityScores(**{name: float(record[key][name]) for name in WORDS}) for key in ("middle", "spread")]
        if residual.shape != COARSE or not np.isfinite(residual).all() or residual.min() <= 0:
            raise ValueError("the map of usual residuals is not valid")
        return cls(parts[0], parts[1], residual)

    def warnings(self, found: SimilarityScores) -> list[str]:
        """List what is unusual about a head, in plain words."""
        unusual = [name for name, score in self.scores(found).items() if score > LIMIT]
        return [f"the scan does not look like the cohort: {WORDS[name]}" for name in unusual]

    def scores(self, found: SimilarityScores) -> dict[str, float]:
        """Robust standard deviations on the wrong side of what is usual; 0 on the right one."""
        out = {}
        for name in WORDS:
            value, middle, spread = (getattr(part, name) for part in (found, self.middle, self.spread))
            out[name] = max(0.0, (middle - value if name == "agreement" else value - middle) / spread)
        return out


def aligned(siren: Siren, coarse: CoarseHead) -> tuple[CoarseHead, tuple[tuple[float, ...], ...]]:
    """Align a coarse image to the coordinates of the cohort.

    Args:
        siren: coordinate network of the cohort.
        coarse: image of a head.

    Returns:
        the image in the cohort's coordinates, and the affine (3, 4) that leads there.
    """
    alignment = align(siren, coarse.images, coarse.coords)
    coords = torch.einsum("ij,sjhw->sihw", alignment[:, :3], coarse.coords) + alignment[:, 3, None, None]
    return CoarseHead(coarse.images, coords), tuple(tuple(row) for row in alignment.tolist())


@torch.no_grad()
def _compared(siren: Siren, coarse: CoarseHead) -> tuple[float, float, float, NDArray[np.float32]]:
    """Distance, misfit, agreement, and the smoothed residual ``(S, H, W)``."""
    coords, images = coarse.coords[:, : siren.spatial_dims], coarse.images
    mean = torch.cat([siren.readout.weight[0], siren.readout.bias])
    readouts, fitted, usual = [], [], []
    for points, image in zip(coords, images):
        phi = features_of(siren, points).flatten(1)  # (C + 1, P)
        readouts.append(solve_ridge(phi[None], 2 * image.reshape(1, 1, -1) - 1, RIDGE)[0, 0])
        fitted.append((readouts[-1] @ phi).reshape(image.shape))
        usual.append((mean @ phi).reshape(image.shape))
    residual = (2 * images - 1 - torch.stack(fitted)) / 2
    away = (torch.stack(readouts) - mean).double()  # (S, C + 1)
    precision = torch.linalg.inv(siren.get_buffer("readout_covariance").double())
    distance = torch.einsum("si,ij,sj->s", away, precision, away).mean() / away.shape[1]
    inside = images > 0.1
    pair = torch.stack([images[inside], torch.stack(usual)[inside]])
    agreement = float(torch.corrcoef(pair)[0, 1]) if inside.sum() > 2 else 0.0
    smooth = ndimage.gaussian_filter(residual.numpy(), SMOOTH)
    return float(distance), float(residual.square().mean().sqrt()), np.nan_to_num(agreement).item(), np.abs(smooth)


def _largest(smooth: NDArray[np.float32], coarse: CoarseHead, residual: NDArray[np.float32]) -> float:
    """Return the greatest smoothed residual in units of the usual one at its position."""
    z, rest = coarse.coords[:, :, 0, 0], residual.shape
    across = int((z.amax(0) - z.amin(0)).argmax()) if len(z) > 1 else 2
    level = (z[:, across].numpy() / REACH[0] + 1) / 2 * rest[0] - 0.5
    rows, columns = ((np.arange(n) + 0.5) / n * m - 0.5 for n, m in zip(smooth.shape[1:], rest[1:]))
    where = np.meshgrid(level, rows, columns, indexing="ij")
    usual = ndimage.map_coordinates(residual, where, order=1, mode="nearest")
    return float((smooth / usual).max())


def similarity_scores(siren: Siren, coarse: CoarseHead, typical: ReferenceScores) -> SimilarityScores:
    """Compare a head with a cohort.

    Args:
        siren: the coordinate prior.
        coarse: the coarse image of the head, aligned.
        typical: what is usual.
    """
    distance, misfit, agreement, smooth = _compared(siren, coarse)
    return SimilarityScores(distance, misfit, agreement, _largest(smooth, coarse, typical.residual))


def reference_scores(siren: Siren, coarse_heads: Iterable[CoarseHead]) -> ReferenceScores:
    """Measure what is usual for heads like these.

    Args:
        siren: the coordinate prior.
        coarse_heads: of heads of the cohort's kind that it has not seen, see
            :func:`monai_strainer.anatomy.coarse_image.mirrored_coarse_heads`.
    """
    seen = [aligned(siren, coarse)[0] if siren.spatial_dims == 3 else coarse for coarse in coarse_heads]
    numbers, smooth = [], []
    for coarse in seen:
        *three, residual = _compared(siren, coarse)
        numbers.append(three)
        smooth.append(residual)
    power = np.square(smooth).mean(0)
    usual = np.sqrt(
        ndimage.zoom(power, [n / m for n, m in zip(COARSE, power.shape)], order=1, grid_mode=True, mode="nearest")
    )
    usual = np.maximum(usual, np.median(usual)).astype(np.float32)
    rows = np.array([[*three, _largest(part, coarse, usual)] for three, part, coarse in zip(numbers, smooth, seen)])
    middle = np.median(rows, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(rows - middle), axis=0), 0.05 * np.abs(middle) + 1e-6)
    return ReferenceScores(SimilarityScores(*middle.tolist()), SimilarityScores(*spread.tolist()), usual)
