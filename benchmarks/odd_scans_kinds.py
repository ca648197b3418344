# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make scans as people have them of a slab: resampled, filtered, cropped in k-space, masked, or with an artefact.

What a kind does to the anatomy belongs to the truth where no method is asked to take it back: an interpolation, a crop
of k-space, a bias field, a change of contrast. Artefacts, and what a filter took away, do not belong to it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float64]
Change = Callable[[Image], Image]


@dataclass(frozen=True, eq=False)
class Slab:
    """Slices without added noise.

    Args:
        image: (S, H, W).
        mask: (S, H, W) the object.
    """

    image: Image
    mask: NDArray[np.bool_]

    @property
    def bright(self) -> float:
        """The 99th percentile within the object, in which noise is counted."""
        return float(np.percentile(self.image[self.mask], 99))


@dataclass(frozen=True, eq=False)
class Odd:
    """A scan of one kind.

    Args:
        measured: (S, H, W) what a user has.
        truth: (S, H, W) what it is judged by.
        mask: (S, H, W) where it is judged.
        is_part: whether ``truth`` lacks what was not measured; super-resolution is judged by all of it.
    """

    measured: Image
    truth: Image
    mask: NDArray[np.bool_]
    is_part: bool = False


Kind = Callable[[Slab, np.random.Generator], Odd]


def rician(image: Image, sigma: float | Image, rng: np.random.Generator) -> Image:
    """Magnitude of an image with complex white noise."""
    first, second = (sigma * rng.standard_normal(image.shape) for _ in range(2))
    return np.hypot(image + first, second)


def after(change: Change, slab: Slab, rng: np.random.Generator) -> Odd:
    """Change the values of the image with 3 % noise, and of the truth, in the same way."""
    noisy = rician(slab.image, 0.03 * slab.bright, rng)
    return Odd(change(noisy), change(slab.image), slab.mask)


def resampled(change: Change, slab: Slab, rng: np.random.Generator, noise: float = 0.03) -> Odd:
    """Interpolate the noisy image, the truth and the mask in the same way."""
    noisy = rician(slab.image, noise * slab.bright, rng)
    return Odd(change(noisy), change(slab.image), change(slab.mask.astype(float)) > 0.5)


def complex_after(
    change: Callable[[Image], NDArray[np.complex128]], slab: Slab, rng: np.random.Generator, noise: float = 0.03
) -> Odd:
    """Take a part of the complex noisy image, and of the truth, in the same way, and take magnitudes."""
    sigma = noise * slab.bright
    added = sigma * (rng.standard_normal(slab.image.shape) + 1j * rng.standard_normal(slab.image.shape))
    return Odd(np.abs(change(slab.image + added)), np.abs(change(slab.image)), slab.mask, is_part=True)


def changed_after(
    change: Callable[[Image, Slab, np.random.Generator], Image], slab: Slab, rng: np.random.Generator
) -> Odd:
    """Add 3 % noise and what the truth has not: an artefact, or the work of a filter."""
    noisy = rician(slab.image, 0.03 * slab.bright, rng)
    return Odd(change(noisy, slab, rng), slab.image, slab.mask)


def white(slab: Slab, rng: np.random.Generator, noise: float) -> Odd:
    """Add white noise."""
    return Odd(rician(slab.image, noise * slab.bright, rng), slab.image, slab.mask)


def rotated(image: Image, order: int, solid: bool = False) -> Image:
    """Rotate by 7 degrees, in the plane or in all three planes."""
    planes = ((1, 2), (0, 1), (0, 2)) if solid else ((1, 2),)
    for axes in planes:
        angle = 7 if axes == (1, 2) else 2
        image = ndimage.rotate(image, angle, axes, reshape=False, order=order, mode="nearest")
    return np.maximum(image, 0)


def zoomed(image: Image, order: int, factors: tuple[float, ...]) -> Image:
    """Interpolate to other voxels."""
    return np.maximum(ndimage.zoom(image, factors, order=order, mode="nearest", grid_mode=True), 0)


def cropped(image: Image, shape: str) -> NDArray[np.complex128]:
    """Weight k-space: "ellipse" empties the corners, "soft" from a radius of 0.8 on, "partial" a quarter of a side."""
    rows, columns = (2 * np.fft.fftfreq(n) for n in image.shape[1:])
    radius = np.sqrt(rows[:, None] ** 2 + columns**2)
    weights = {
        "ellipse": radius < 1,
        "soft": 1 / (1 + np.exp((radius - 1) / 0.05)),
        "partial": (rows > -0.5)[:, None] & (columns < 2),
    }
    made: NDArray[np.complex128] = np.fft.ifft2(np.fft.fft2(image) * weights[shape])
    return made


def position(image: Image) -> tuple[Image, Image]:
    """Row and column from -1 to 1."""
    rows, columns = (np.linspace(-1, 1, n) for n in image.shape[1:])
    return rows[:, None] + 0 * columns, columns + 0 * rows[:, None]


def biased(image: Image) -> Image:
    """Make one side bright, as a surface coil does."""
    rows, _ = position(image)
    return image * np.exp(-1.2 * rows)


def several_coils(slab: Slab, rng: np.random.Generator) -> Odd:
    """Take the sum of squares of four coils at the corners."""
    rows, columns = position(slab.image)
    fields = [np.exp(-0.7 * ((rows - r) ** 2 + (columns - c) ** 2)) for r in (-1, 1) for c in (-1, 1)]
    whole = np.sqrt(sum(field**2 for field in fields))
    sigma = 0.03 * slab.bright
    coils = [rician(slab.image * field / whole, sigma, rng) for field in fields]
    return Odd(np.sqrt(sum(coil**2 for coil in coils)), slab.image, slab.mask)


def uneven(slab: Slab, rng: np.random.Generator, by: str) -> Odd:
    """Add noise of 1 and 6 %: to every other slice, or to the halves of the plane."""
    level = np.full(slab.image.shape, 0.01 * slab.bright)
    if by == "slices":
        level[::2] *= 6
    else:
        level[:, :, level.shape[2] // 2 :] *= 6
    return Odd(rician(slab.image, level, rng), slab.image, slab.mask)


def one_noisy(slab: Slab, rng: np.random.Generator) -> Odd:
    """Add noise of 2 %, and of 30 % to one slice in the middle."""
    level = np.full((len(slab.image), 1, 1), 0.02 * slab.bright)
    level[len(level) // 2] *= 15
    return Odd(rician(slab.image, level, rng), slab.image, slab.mask)


def softly_masked(slab: Slab, rng: np.random.Generator) -> Odd:
    """Multiply by a round mask with a soft border, after the noise."""
    _, rows, columns = np.ogrid[:1, -1 : 1 : slab.image.shape[1] * 1j, -1 : 1 : slab.image.shape[2] * 1j]
    weight = 1 / (1 + np.exp((np.hypot(rows, columns) - 0.7) / 0.05))
    weight[weight < 0.01] = 0
    noisy = rician(slab.image, 0.03 * slab.bright, rng)
    return Odd(noisy * weight, slab.image * weight, slab.mask & (weight > 0.5))


def masked(slab: Slab, rng: np.random.Generator) -> Odd:
    """Set the background to zero."""
    return Odd(rician(slab.image, 0.03 * slab.bright, rng) * slab.mask, slab.image * slab.mask, slab.mask)


def signed(slab: Slab, rng: np.random.Generator) -> Odd:
    """Take the real part, with a smooth sign."""
    rows, columns = position(slab.image)
    truth = slab.image * np.cos(2 * rows + 3 * columns)
    return Odd(truth + 0.03 * slab.bright * rng.standard_normal(truth.shape), truth, slab.mask)


def jpeg(noisy: Image, slab: Slab, rng: np.random.Generator) -> Image:
    """Store planes as JPEG of quality 75."""
    from PIL import Image as Picture

    top, made = 1.3 * slab.bright, []
    for plane in np.clip(noisy / top * 255, 0, 255).astype(np.uint8):
        stream = io.BytesIO()
        Picture.fromarray(plane).save(stream, "JPEG", quality=75)
        made.append(np.asarray(Picture.open(stream), float) / 255 * top)
    return np.stack(made)


def patch_filtered(noisy: Image, slab: Slab, rng: np.random.Generator) -> Image:
    """Filter by non-local means of the strength that fits the noise."""
    from skimage.restoration import denoise_nl_means

    sigma = 0.03 * slab.bright
    return np.stack([denoise_nl_means(plane, 5, 5, 0.8 * sigma, sigma=sigma, fast_mode=True) for plane in noisy])


def striped(noisy: Image, slab: Slab, rng: np.random.Generator) -> Image:
    """Add stripes of 4 %, as a spike in k-space does."""
    _, rows, columns = np.indices(noisy.shape)
    return np.maximum(noisy + 0.04 * slab.bright * np.cos(2 * np.pi * (0.18 * rows + 0.11 * columns)), 0)


def tagged(slab: Slab, rng: np.random.Generator, period: float) -> Odd:
    """Put a grid of dark lines into the tissue, as tagging of a heart or a tongue does."""
    _, rows, columns = np.indices(slab.image.shape)
    first, second = (np.abs(np.cos(np.pi * way / period)) for way in (rows + columns, rows - columns))
    return white(Slab(slab.image * (1 + first * second) / 2, slab.mask), rng, 0.03)


def dotted(noisy: Image, slab: Slab, rng: np.random.Generator) -> Image:
    """Make half a percent of the voxels black or white."""
    drawn = rng.random(noisy.shape)
    return np.where(drawn < 0.0025, 0, np.where(drawn > 0.9975, 1.5 * slab.bright, noisy))


def without_slice(noisy: Image, slab: Slab, rng: np.random.Generator) -> Image:
    """Set a slice to zero."""
    made = noisy.copy()
    made[len(made) // 2] = 0
    return made


def with_outlier(noisy: Image, slab: Slab, rng: np.random.Generator) -> Image:
    """Make one voxel 20 times as bright."""
    made = noisy.copy()
    made[len(made) // 2, made.shape[1] // 2, made.shape[2] // 2] *= 20
    return made


KINDS: dict[str, Kind] = {
    **{f"white noise, {percent} %": partial(white, noise=percent / 100) for percent in (1, 2, 3, 20)},
    "rotated, linear": partial(resampled, partial(rotated, order=1)),
    "rotated, cubic": partial(resampled, partial(rotated, order=3)),
    "rotated, cubic, 1 %": partial(resampled, partial(rotated, order=3), noise=0.01),
    "rotated in three planes, linear": partial(resampled, partial(rotated, order=1, solid=True)),
    "zoomed in the plane, linear": partial(resampled, partial(zoomed, order=1, factors=(1, 1.3, 1.3))),
    "zoomed in the plane, cubic": partial(resampled, partial(zoomed, order=3, factors=(1, 1.3, 1.3))),
    "twice the slices, linear": partial(resampled, partial(zoomed, order=1, factors=(2, 1, 1))),
    "smaller, linear": partial(resampled, partial(zoomed, order=1, factors=(1, 0.8, 0.8))),
    "every voxel four times": partial(resampled, lambda image: image.repeat(2, 1).repeat(2, 2)),
    "corners of k-space empty": partial(complex_after, partial(cropped, shape="ellipse")),
    **{
        f"corners of k-space empty, {percent} %": partial(
            complex_after, partial(cropped, shape="ellipse"), noise=percent / 100
        )
        for percent in (0.3, 1, 9)
    },
    "corners of k-space filtered": partial(complex_after, partial(cropped, shape="soft")),
    "partial Fourier": partial(complex_after, partial(cropped, shape="partial")),
    **{
        f"partial Fourier, {percent} %": partial(complex_after, partial(cropped, shape="partial"), noise=percent / 100)
        for percent in (0.3, 1)
    },
    "four coils": several_coils,
    "noise differs by slices": partial(uneven, by="slices"),
    "noise differs in the plane": partial(uneven, by="halves"),
    "one noisy slice": one_noisy,
    "masked": masked,
    "masked softly": softly_masked,
    "signed": signed,
    "surface coil": partial(after, biased),
    "gamma 0.5": partial(after, np.sqrt),
    "saturated": lambda slab, rng: after(lambda image: np.minimum(image, 0.7 * slab.bright), slab, rng),
    "in 5 bits": lambda slab, rng: after(lambda image: np.round(image / slab.bright * 31), slab, rng),
    "z-scores": lambda slab, rng: after(lambda image: (image - slab.image.mean()) / slab.image.std(), slab, rng),
    "inverted": lambda slab, rng: after(lambda image: np.maximum(1.2 * slab.bright - image, 0), slab, rng),
    "JPEG": partial(changed_after, jpeg),
    "median filter": partial(changed_after, lambda noisy, slab, rng: ndimage.median_filter(noisy, (1, 3, 3))),
    "Gaussian filter": partial(changed_after, lambda noisy, slab, rng: ndimage.gaussian_filter(noisy, (0, 0.8, 0.8))),
    "non-local means": partial(changed_after, patch_filtered),
    "ghost": partial(changed_after, lambda noisy, slab, rng: noisy + 0.06 * np.roll(noisy, noisy.shape[1] // 2, 1)),
    "stripes": partial(changed_after, striped),
    "tagged, lines of 6 voxels": partial(tagged, period=6),
    "tagged, lines of 8 voxels": partial(tagged, period=8),
    "black and white voxels": partial(changed_after, dotted),
    "a slice of zeros": partial(changed_after, without_slice),
    "an outlier": partial(changed_after, with_outlier),
}
