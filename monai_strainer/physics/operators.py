# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Model measurements as linear operators on images: apply, transpose, and step towards the data.

Three kinds carry the clinic: separable operators (a file of their own), masks, which are diagonal, and compositions of
both. The first two have their data step in closed form; compositions solve it by conjugate gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..errors import InputError

__all__ = ["Composition", "Mask", "Operator", "OperatorFactory"]


class Operator(nn.Module):
    """A linear map between images, acting on trailing axes; axes in front of them are a batch.

    A new operator gives ``A``, ``adjoint`` and ``restrict``, and inherits the rest.

    Args:
        shape_in: lengths of the axes acted on, ``(H, W)`` or ``(S, H, W)``.
        shape_out: lengths of the same axes afterwards.

    Example:
        >>> class Flip(Operator):
        ...     def A(self, x): return x.flip(-1)
        ...     def adjoint(self, y): return y.flip(-1)
        >>> Flip((1, 2), (1, 2)).prox(torch.zeros(1, 2), torch.tensor([[1.0, 3.0]]), rho=1.0)
        tensor([[1.5000, 0.5000]])
    """

    def __init__(self, shape_in: Sequence[int], shape_out: Sequence[int]) -> None:
        super().__init__()
        self.shape_in = tuple(int(n) for n in shape_in)
        self.shape_out = tuple(int(n) for n in shape_out)
        if not self.shape_in or len(self.shape_in) != len(self.shape_out) or min(self.shape_in + self.shape_out) < 1:
            raise InputError(f"no operator maps {self.shape_in} to {self.shape_out}", "use axes of 1 voxel or more")

    @property
    def is_identity(self) -> bool:
        """Return whether the operator is known to change nothing."""
        return False

    def A(self, x: Tensor) -> Tensor:
        """Apply the operator: ``A x``, (..., *shape_in) to (..., *shape_out)."""
        raise NotImplementedError

    def adjoint(self, y: Tensor) -> Tensor:
        """``A^T y``: (..., *shape_out) to (..., *shape_in)."""
        raise NotImplementedError

    def restrict(self, rows: Tensor, axis: int = 0) -> tuple[Operator, Tensor]:
        """Return the part of the operator that gives only some positions of one axis.

        Args:
            rows: (R,) distinct positions along that axis of the output.
            axis: one of the axes acted on.

        Returns:
            The smaller operator ``P`` and the positions ``columns`` (C,) along the axis of the input that it reads:
            for the first axis, ``P(x[columns]) == A(x)[rows]``.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Apply the operator, as ``A`` does."""
        return self.A(x)

    def prox(self, z: Tensor, y: Tensor, rho: float | Tensor) -> Tensor:
        """Step towards the data: ``argmin_x 1/2 |A x - y|^2 + rho/2 |x - z|^2``.

        Solved by conjugate gradients from ``z``, each image of the batch with its own step lengths, to a relative
        residual of 1e-5 (float32's worth); operators with a closed form use it instead.

        Args:
            z: (..., *shape_in) point to stay near.
            y: (..., *shape_out) data.
            rho: weight above 0, a number or a tensor that broadcasts over the batch axes alone.

        Returns:
            (..., *shape_in)
        """
        self._check(z, self.shape_in)
        self._check(y, self.shape_out)
        axes = len(self.shape_in)
        rho, dims = over_images(rho, axes), tuple(range(-axes, 0))

        def dot(a: Tensor, b: Tensor) -> Tensor:
            return (a * b).sum(dims, keepdim=True)

        tiny = torch.finfo(z.dtype).tiny
        residual = self.adjoint(y - self.A(z))  # of the normal equations at x = z
        x, p, squared = z.expand_as(residual), residual, dot(residual, residual)
        goal = 1e-10 * squared
        for _ in range(200):
            if bool((squared <= goal).all()):  # read on the CPU: how many iterations it takes depends on the numbers
                break
            q = self.adjoint(self.A(p)) + rho * p
            step = squared / dot(p, q).clamp_min(tiny)
            step = torch.where(squared > goal, step, 0.0)  # an image that is done waits for the others as it is
            x, residual = x + step * p, residual - step * q
            previous, squared = squared, dot(residual, residual)
            p = residual + squared / previous.clamp_min(tiny) * p
        return x

    def undetermined(self, rho: float | Tensor) -> Tensor:
        """Return what the data leave open: the diagonal of ``rho (A^T A + rho I)^-1``, between 0 and 1 for every voxel.

        With ``rho = sigma^2 / v`` it is the fraction of a prior variance ``v`` that remains. Without
        a closed form nothing is claimed to be determined.

        Args:
            rho: weight above 0, a number or a tensor that broadcasts over the batch axes alone.

        Returns:
            (..., *shape_in), or what broadcasts to it; where ``rho`` lies, or the operator if that is a number.
        """
        return torch.ones(self.shape_in, device=self._place_of(rho))

    def __matmul__(self, inner: Operator) -> Operator:
        """Compose two operators: ``(A @ B)(x) = A(B(x))``; two separable operators make one, identities vanish.

        Raises:
            InputError: what ``B`` gives is not what ``A`` takes.
        """
        check_fit(self, inner)
        if inner.is_identity:
            return self
        return Composition(self, inner)

    def _place_of(self, rho: float | Tensor) -> torch.device:
        """Where a result that no image is given for belongs: with ``rho``, or with the operator's own numbers."""
        if isinstance(rho, Tensor) and (rho.ndim or rho.device.type != "cpu"):
            return rho.device
        return next((b.device for b in self.buffers()), torch.device("cpu"))

    def _check(self, image: Tensor, shape: tuple[int, ...]) -> None:
        if tuple(image.shape[-len(shape) :]) != shape:
            raise InputError(
                f"{type(self).__name__} expects images of {shape}, not {tuple(image.shape)}",
                "build the operator for the shape of the image",
            )

    def extra_repr(self) -> str:
        """Return the shapes as text, for ``print``."""
        return f"{self.shape_in} -> {self.shape_out}"


class Mask(Operator):
    """Voxels that were measured are kept, the others read zero: ``A = diag(mask)``.

    Args:
        mask: zeros and ones (or booleans) in the shape of the image.

    Raises:
        InputError: the mask is not finite, or holds other values than 0 and 1.

    Example:
        >>> op = Mask(torch.tensor([[1, 0]]))
        >>> op.prox(torch.tensor([[3.0, 3.0]]), torch.tensor([[5.0, 0.0]]), rho=1.0)
        tensor([[4., 3.]])
    """

    def __init__(self, mask: Tensor) -> None:
        mask = torch.as_tensor(mask)
        super().__init__(mask.shape, mask.shape)
        if not bool(torch.isfinite(mask).all()):
            raise InputError("the mask holds values that are not finite", "use 1 for measured and 0 for missing voxels")
        if not bool(((mask == 0) | (mask == 1)).all()):
            raise InputError("the mask holds values other than 0 and 1", "threshold it first")
        self.register_buffer("mask", mask.to(torch.float32))

    def A(self, x: Tensor) -> Tensor:
        self._check(x, self.shape_in)
        return x * self.get_buffer("mask").to(x.dtype)

    def adjoint(self, y: Tensor) -> Tensor:
        return self.A(y)

    def prox(self, z: Tensor, y: Tensor, rho: float | Tensor) -> Tensor:
        """``(mask y + rho z) / (mask + rho)``, voxel by voxel. Args and returns as in ``Operator.prox``."""
        self._check(z, self.shape_in)
        rho = over_images(rho, len(self.shape_in))
        return (self.A(y) + rho * z) / (self.get_buffer("mask").to(z.dtype) + rho)

    def undetermined(self, rho: float | Tensor) -> Tensor:
        """``rho / (mask + rho)``. Args and returns as in ``Operator.undetermined``."""
        rho = over_images(rho, len(self.shape_in))
        return rho / (self.get_buffer("mask") + rho)

    def restrict(self, rows: Tensor, axis: int = 0) -> tuple[Mask, Tensor]:
        mask = self.get_buffer("mask")
        rows = checked_rows(rows, self.shape_out[axis])
        part = Mask(torch.ones([len(rows) if k == axis else n for k, n in enumerate(self.shape_in)]))
        part.mask = mask.index_select(axis, rows.to(mask.device))  # checked already
        return part, rows


class Composition(Operator):
    """One operator after another: ``A x = outer(inner(x))``; its prox runs conjugate gradients.

    Args:
        outer: applied second.
        inner: applied first.

    Example:
        >>> left, right = Mask(torch.tensor([1, 1, 0])), Mask(torch.tensor([0, 1, 1]))
        >>> (left @ right)(torch.ones(3))
        tensor([0., 1., 0.])
    """

    def __init__(self, outer: Operator, inner: Operator) -> None:
        check_fit(outer, inner)
        super().__init__(inner.shape_in, outer.shape_out)
        self.outer, self.inner = outer, inner

    def A(self, x: Tensor) -> Tensor:
        return self.outer.A(self.inner.A(x))

    def adjoint(self, y: Tensor) -> Tensor:
        return self.inner.adjoint(self.outer.adjoint(y))

    def restrict(self, rows: Tensor, axis: int = 0) -> tuple[Composition, Tensor]:
        outer, between = self.outer.restrict(rows, axis)
        inner, columns = self.inner.restrict(between, axis)
        return Composition(outer, inner), columns


def check_fit(outer: Operator, inner: Operator) -> None:
    """Refuse a composition whose shapes do not follow on."""
    if outer.shape_in != inner.shape_out:
        raise InputError(
            f"the inner operator gives {inner.shape_out} but the outer one takes {outer.shape_in}",
            "compose operators whose shapes follow on",
        )


def checked_rows(rows: Tensor, length: int) -> Tensor:
    """Positions along an axis as a LongTensor, refused where the axis has no such positions."""
    rows = torch.as_tensor(rows, dtype=torch.long)
    if rows.ndim != 1 or len(rows) == 0 or int(rows.min()) < 0 or int(rows.max()) >= length:
        raise InputError(f"rows of shape {tuple(rows.shape)} do not lie in 0..{length - 1}", "name rows that exist")
    return rows


def over_images(rho: float | Tensor, axes: int) -> float | Tensor:
    """Give ``rho`` of shape (batch) the trailing axes of an image."""
    return rho.reshape(*rho.shape, *[1] * axes) if isinstance(rho, Tensor) and rho.ndim else rho


OperatorFactory = Callable[[tuple[int, ...], tuple[int, ...]], Operator]
"""Makes ``A`` from the fine and the measured shape of a slice; a :class:`Profile` is one."""
