# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Segment a brain by intensity into CSF, grey and white matter: fixed thresholds, or models fitted to each image.

Every segmenter is called with an image, the mask of the brain and the clean scan. `thresholds` and `mixture_kept` take
their parameters from the clean scan; all others fit theirs to the image itself, as a user without a clean scan does.
Atropos comes with antspyx, the hidden Markov random field with dipy, the mixture with scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans

TISSUES = ("CSF", "GM", "WM")
Image = NDArray[np.float32]
Labels = NDArray[np.int8]
Mask = NDArray[np.bool_]
Segmenter = Callable[[Image, Mask, Image], Labels]


def thresholds(image: Image, mask: Mask, clean: Image) -> Labels:
    """Split at the two midpoints of the three means of the clean scan.

    Args:
        image: (X, Y, Z) intensities.
        mask: (X, Y, Z) of the brain.
        clean: (X, Y, Z) the scan that the thresholds come from.

    Returns:
        (X, Y, Z) 0 outside, 1 CSF, 2 grey matter, 3 white matter.
    """
    values = clean[mask].astype(np.float64)
    low, middle, high = np.sort(kmeans(values, np.percentile(values, (10, 50, 90)))[0].ravel())
    return np.where(mask, 1 + (image >= (low + middle) / 2) + (image >= (middle + high) / 2), 0).astype(np.int8)


def atropos(image: Image, mask: Mask, clean: Image, convergence: str = "[5,0]") -> Labels:
    """Segment by ANTs' Atropos: three Gaussians from k-means and a Markov random field, fitted to each image.

    With its usual convergence `[5,0]` it stops as soon as the mean posterior probability does not rise, often after one
    update. A threshold below zero makes it do all of them.
    """
    import ants

    given, inside = ants.from_numpy(np.asarray(image, np.float32)), ants.from_numpy(mask.astype(np.float32))
    made = ants.atropos(a=given, x=inside, i="Kmeans[3]", m="[0.1,1x1x1]", c=convergence)
    return ordered(made["segmentation"].numpy(), image, mask)


def hmrf(image: Image, mask: Mask, clean: Image) -> Labels:
    """Segment by dipy's hidden Markov random field, after FSL FAST; fitted to each image. Zero is its background."""
    from dipy.segment.tissue import TissueClassifierHMRF

    inside = np.where(mask, np.maximum(image, 1e-3), 0).astype(np.float64)
    return ordered(TissueClassifierHMRF(verbose=False).classify(inside, 3, 0.1)[1], image, mask)


def mixture(image: Image, mask: Mask, clean: Image) -> Labels:
    """Segment by scikit-learn's mixture of three Gaussians with its defaults; fitted to each image."""
    return _by_mixture(image, mask, image)


def kept_mixture(image: Image, mask: Mask, clean: Image) -> Labels:
    """Segment by the Gaussians that were fitted to the clean scan."""
    return _by_mixture(image, mask, clean)


def _by_mixture(image: Image, mask: Mask, fitted_to: Image) -> Labels:
    """Fit to one image, take the most probable class of every voxel of another."""
    from sklearn.mixture import GaussianMixture

    model: Any = GaussianMixture(3, random_state=0).fit(fitted_to[mask][:, None])
    rank = np.argsort(np.argsort(model.means_.ravel()))
    labels = np.zeros(mask.shape, np.int8)
    labels[mask] = 1 + rank[model.predict(image[mask][:, None])]
    return labels


def ordered(labels: NDArray[Any], image: Image, mask: Mask) -> Labels:
    """Sort three classes by their mean intensity: 1, 2 and 3, 0 outside the mask.

    Example:
        >>> ordered(np.array([7, 7, 2, 4]), np.float32([5, 5, 1, 9]), np.array([True, True, True, False])).tolist()
        [2, 2, 1, 0]
    """
    found = [value for value in np.unique(labels[mask]) if value]
    found.sort(key=lambda value: float(image[mask & (labels == value)].mean()))
    out = np.zeros(mask.shape, np.int8)
    for rank, value in enumerate(found):
        out[mask & (labels == value)] = rank + 1
    return out


def figures(labels: Labels, reference: Labels) -> dict[str, float]:
    """Compare a segmentation with the one of the clean scan.

    Returns:
        Per tissue Dice, the bias of its volume in percent of the clean volume, and its share of the brain in percent.

    Example:
        >>> found = figures(np.int8([1, 1, 2, 3]), np.int8([1, 2, 2, 3]))
        >>> round(found["dice_CSF"], 2), found["bias_GM"], found["share_CSF"]
        (0.67, -50.0, 50.0)
    """
    out: dict[str, float] = {}
    for k, tissue in enumerate(TISSUES, 1):
        one, two = labels == k, reference == k
        own, clean = int(one.sum()), int(two.sum())
        out[f"dice_{tissue}"] = 2 * int((one & two).sum()) / max(1, own + clean)
        out[f"bias_{tissue}"] = 100 * (own - clean) / max(1, clean)
        out[f"share_{tissue}"] = 100 * own / max(1, int((labels > 0).sum()))
    return out


def boundary(labels: Labels, image: Image) -> float:
    """Return the intensity below which a voxel is CSF: the threshold that agrees with most voxels of a segmentation.

    Example:
        >>> boundary(np.int8([1, 1, 2, 3, 0]), np.float32([5, 10, 20, 30, 0]))
        15.0
    """
    inside = labels > 0
    order = np.argsort(image[inside], kind="stable")
    values, is_csf = image[inside][order].astype(float), labels[inside][order] == 1
    wrong = np.append(0, np.cumsum(~is_csf)) + int(is_csf.sum()) - np.append(0, np.cumsum(is_csf))
    cut = int(np.clip(wrong.argmin(), 1, len(values) - 1))
    return float(values[cut - 1] + values[cut]) / 2


def boundaries(labels: Labels, image: Image, reference: Labels, clean: Image) -> dict[str, float]:
    """Split the bias of CSF: what the image changes, and what the model does that is fitted to each image.

    Returns:
        `moved`: of the boundary between CSF and grey matter, in percent of the clean mean of white matter.
        `kept`: bias of CSF in percent with the clean scan's boundary in both images.
    """
    inside, one, two = reference > 0, boundary(reference, clean), boundary(labels, image)
    white = float(clean[reference == 3].mean()) if (reference == 3).any() else float(clean[inside].max())
    before, after = int((clean[inside] < one).sum()), int((image[inside] < one).sum())
    return {"moved": 100 * (two - one) / white, "kept": 100 * (after - before) / max(1, before)}


def misfit(image: Image, clean: Image, reference: Labels) -> float:
    """Return the mean absolute error in the brain, in percent of the clean mean of white matter.

    Example:
        >>> misfit(np.float32([1, 3, 9]), np.float32([2, 4, 0]), np.int8([1, 3, 0]))
        25.0
    """
    inside, white = reference > 0, float(clean[reference == 3].mean()) if (reference == 3).any() else 1.0
    return 100 * float(np.abs(image - clean)[inside].mean(dtype=np.float64)) / white


_ALL: dict[str, tuple[Segmenter, str | None]] = {
    "thresholds": (thresholds, None),
    "atropos": (atropos, "ants"),
    "atropos_forced": (partial(atropos, convergence="[10,-1]"), "ants"),
    "hmrf": (hmrf, "dipy"),
    "mixture": (mixture, "sklearn"),
    "mixture_kept": (kept_mixture, "sklearn"),
}
SEGMENTERS = {name: one for name, (one, package) in _ALL.items() if package is None or find_spec(package)}
