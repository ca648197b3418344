# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A channelised Hotelling observer: the best linear decision on ten Laguerre-Gauss channels, and how good it is.

    u_j(r) = sqrt(2) / a  exp(-pi r^2 / a^2)  L_j(2 pi r^2 / a^2),      v_j = sum over pixels of u_j x

    w = S^-1 (mean with lesion - mean without),   S the mean of both covariances;   score w . v

Source: Gallas and Barrett, Validating the use of channels to estimate the ideal linear observer, J. Opt. Soc. Am. A 20
(2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_laguerre
from scipy.stats import rankdata

__all__ = ["Seen", "auc", "channels", "judged", "kept", "patches", "scores", "seen_by"]

CHANNELS, WIDTH, RADIUS = 10, 4.0, 9.0  # number; a in mm: of 3 to 6, about best on the input; of the patch, mm
DRAWS = 2000  # of the bootstrap
Array = NDArray[np.float64]
Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Seen:
    """Responses of the channels at the places of one slab.

    Args:
        there: ``(2, n, C)`` with lesions, in one slice and in the mean of three.
        absent: ``(2, n, C)`` at the same places without.
        signs: ``(n,)`` 1 where the lesion is bright, -1 where it is dark; the observer knows which it looks for.
    """

    there: Array
    absent: Array
    signs: NDArray[np.int64]


def channels(spacing: Sequence[float]) -> Array:
    """Return ``(C, h, w)`` channels sampled at the pixels of a patch around its middle one.

    Args:
        spacing: of rows and columns in mm.

    Example:
        >>> u = channels((1.0, 1.0))
        >>> u.shape, bool(abs((u[0] * u[1]).sum()) < 0.01 * (u[0] * u[0]).sum())
        ((10, 19, 19), True)
    """
    half = [int(np.floor(RADIUS / s)) for s in spacing]
    rows, columns = (np.arange(-n, n + 1) * s for n, s in zip(half, spacing))
    square = (rows[:, None] ** 2 + columns**2) / WIDTH**2
    made = [np.exp(-np.pi * square) * eval_laguerre(j, 2 * np.pi * square) for j in range(CHANNELS)]
    inside = square <= (RADIUS / WIDTH) ** 2
    return np.sqrt(2) / WIDTH * np.stack(made) * inside * spacing[0] * spacing[1]


def patches(image: Image, places: NDArray[np.int64], axis: int, spacing: Sequence[float]) -> Image:
    """Cut ``(n, 3, h, w)`` patches: the slice of each place and both next.

    Args:
        image: ``(X, Y, Z)``; beyond it there is nothing.
        places: ``(n, 3)`` voxels.
        axis: across the slices.
        spacing: of rows and columns in mm.
    """
    half = [int(np.floor(RADIUS / s)) for s in spacing]
    slices = np.pad(np.moveaxis(image, axis, 0), [(1, 1), *((h, h) for h in half)])
    found = np.empty((len(places), 3, 2 * half[0] + 1, 2 * half[1] + 1), np.float32)
    for out, place in zip(found, places):
        k, (i, j) = int(place[axis]), (int(p) for p in np.delete(place, axis))
        out[:] = slices[k : k + 3, i : i + 2 * half[0] + 1, j : j + 2 * half[1] + 1]
    return found


def seen_by(shapes: Array, found: Image) -> Array:
    """Return ``(2, n, C)`` responses of channels to :func:`patches`: in one slice, and in the mean of three."""
    both = np.stack([found[:, 1], found.mean(1)]).astype(np.float64)
    return np.einsum("chw,lnhw->lnc", shapes, both)


def _usual(others: Sequence[Seen], look: int) -> Array:
    """Return the mean response where there is no lesion."""
    mean: Array = np.concatenate([one.absent[look] for one in others]).mean(0)
    return mean


def _template(others: Sequence[Seen], look: int) -> tuple[Array, float]:
    """Return the weights of the channels and the middle score, of some slabs."""
    usual = _usual(others, look)
    there, absent = (
        np.concatenate([one.signs[:, None] * (getattr(one, name)[look] - usual) for one in others])
        for name in ("there", "absent")
    )
    spread = (np.cov(there.T) + np.cov(absent.T)) / 2
    spread += 1e-6 * np.trace(spread) / len(spread) * np.eye(len(spread))
    w = np.linalg.solve(spread, there.mean(0) - absent.mean(0))
    w /= np.sqrt(w @ spread @ w)
    return w, float(w @ (there.mean(0) + absent.mean(0)) / 2)


def _halves(seen: Sequence[Seen]) -> list[Seen]:
    """Return the slabs; one alone is divided into two halves."""
    if len(seen) > 1:
        return list(seen)
    one = seen[0]
    return [Seen(one.there[:, k::2], one.absent[:, k::2], one.signs[k::2]) for k in (0, 1)]


def scores(seen: Sequence[Seen], look: int, by: Sequence[Seen] | None = None) -> list[tuple[Array, Array]]:
    """Return scores with and without lesion, ``(n,)`` each, of every slab by an observer trained on the others.

    Args:
        seen: per slab; one slab alone is divided into two halves.
        look: 0 for one slice, 1 for three.
        by: what the weights are trained on, per slab, where that is not `seen`.
    """
    seen, by, found = _halves(seen), _halves(seen if by is None else by), []
    for k, judge in enumerate(seen):
        w, middle = _template([one for j, one in enumerate(by) if j != k], look)
        usual = _usual([one for j, one in enumerate(seen) if j != k], look)
        with_lesion, without = (judge.signs * ((x[look] - usual) @ w) - middle for x in (judge.there, judge.absent))
        found.append((with_lesion, without))
    return found


def auc(there: Array, absent: Array) -> float:
    """Return the area under the ROC curve: how often a score with lesion is above one without.

    Example:
        >>> auc(np.array([1.0, 3.0]), np.array([0.0, 2.0]))
        0.75
    """
    ranks = rankdata(np.concatenate([there, absent]))[: len(there)]
    return float((ranks.sum() - len(there) * (len(there) + 1) / 2) / (len(there) * len(absent)))


def kept(seen: Sequence[Seen], before: Sequence[Seen], look: int) -> tuple[float, float]:
    """Return what an observer of the input finds after restoration: its signal, and the spread of its scores.

    Both are relative to the input, so that their ratio is that of the detectability of this one observer.

    Args:
        seen: after restoration, per slab.
        before: the input at the same places; the observer is trained on it.
        look: 0 for one slice, 1 for three.
    """
    signal, spread = [], []
    for some in (seen, before):
        pairs = scores(some, look, by=before)
        there, absent = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
        signal.append(float(there.mean() - absent.mean()))
        spread.append(float(np.sqrt((there.var() + absent.var()) / 2)))
    return signal[0] / signal[1], spread[0] / spread[1]


def _drawn(sizes: Sequence[int], rng: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """Return draws of the bootstrap: of places, and of slabs first and then of their places."""
    ends = np.cumsum([0, *sizes])
    places = [rng.integers(ends[-1], size=ends[-1]) for _ in range(DRAWS)]
    people = []
    for _ in range(DRAWS):
        some = rng.integers(len(sizes), size=len(sizes))
        people.append(np.concatenate([ends[k] + rng.integers(sizes[k], size=sizes[k]) for k in some]))
    return places, people


def judged(seen: Sequence[Seen], before: Sequence[Seen], seed: int) -> dict[str, float]:
    """Return AUC with a 95 % interval, and its change against the input with two intervals, for both looks.

    The bootstrap draws places, with and without their lesion and before and after restoration together. The second
    interval, which ends in `people`, draws slabs first: it holds for other people too, and is wider.

    Args:
        seen: after restoration, per slab.
        before: the input at the same places.
        seed: of the draws.
    """
    rng, out = np.random.default_rng(seed), {"lesions": float(sum(len(one.signs) for one in seen))}
    for look, name in enumerate(("one", "three")):
        pair = [[np.concatenate([slab[k] for slab in scores(some, look)]) for k in (0, 1)] for some in (seen, before)]
        places, people = _drawn([len(one.signs) for one in seen], rng)
        now, then = (auc(*part) for part in pair)
        out[f"auc_{name}"], out[f"change_{name}"] = now, now - then
        for draws, end in ((places, ""), (people, "_people")):
            values = np.array([[auc(there[d], absent[d]) for there, absent in pair] for d in draws])
            for key, drawn in (("auc", values[:, 0]), ("change", values[:, 0] - values[:, 1])):
                low, high = np.percentile(drawn, [2.5, 97.5])
                out[f"{key}_{name}_low{end}"], out[f"{key}_{name}_high{end}"] = float(low), float(high)
        out[f"signal_{name}"], out[f"spread_{name}"] = kept(seen, before, look)
    return out
