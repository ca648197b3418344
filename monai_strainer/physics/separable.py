# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Model operators that are one small matrix per axis, ``A = M_1 x M_2 [x M_3]`` (a Kronecker product).

Nearly everything a scanner does to an image is of this kind. Applying it costs one small matmul per axis, and the data
step of plug-and-play is exact, because ``A^T A + rho I`` is diagonal in the singular vectors of the axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .operators import Operator, check_fit, checked_rows, over_images

__all__ = ["Identity", "Separable"]


class Separable(Operator):
    """One matrix per axis: ``A x = x multiplied by M_k along axis k, for every k``.

    Args:
        matrices: per axis an (m_k, n_k) matrix, or the number ``n_k`` where nothing happens. Kept as float32 buffers;
            an axis with an identity costs nothing.

    Example:
        >>> mean = torch.full((1, 2), 0.5)
        >>> op = Separable([2, mean])
        >>> op(torch.tensor([[1.0, 3.0], [5.0, 7.0]]))
        tensor([[2.],
                [6.]])
        >>> op.adjoint(torch.tensor([[2.0], [6.0]]))
        tensor([[1., 1.],
                [3., 3.]])
    """

    def __init__(self, matrices: Sequence[Tensor | int]) -> None:
        kept = [None if isinstance(m, int) or _is_identity(m) else m for m in matrices]
        lengths = [(m, m) if isinstance(m, int) else (int(m.shape[0]), int(m.shape[1])) for m in matrices]
        super().__init__([n for _, n in lengths], [m for m, _ in lengths])
        self._reached: dict[int, Tensor] = {}
        for k, matrix in enumerate(kept):
            self.register_buffer(f"matrix{k}", None if matrix is None else matrix.to(torch.float32))

    @property
    def matrices(self) -> list[Tensor | None]:
        """The matrix of every axis; None where the axis is left alone."""
        return [getattr(self, f"matrix{k}") for k in range(len(self.shape_in))]

    @property
    def is_identity(self) -> bool:
        """Return whether every axis is left alone."""
        return all(m is None for m in self.matrices)

    def A(self, x: Tensor) -> Tensor:
        self._check(x, self.shape_in)
        return _along_axes(self.matrices, x)

    def adjoint(self, y: Tensor) -> Tensor:
        self._check(y, self.shape_out)
        return _along_axes(_transposed(self.matrices), y)

    def prox(self, z: Tensor, y: Tensor, rho: float | Tensor) -> Tensor:
        """Step towards the data, exactly.

        With ``M_k = U_k diag(s_k) V_k^T`` and ``s`` the outer product of the ``s_k``,
        ``x = z + V [s / (s^2 + rho) * (U^T y - s * V^T z)]``. Args and returns as in ``Operator.prox``.
        """
        self._check(z, self.shape_in)
        self._check(y, self.shape_out)
        u, s, v = self._singular(z.device)
        rho, s = over_images(rho, len(self.shape_in)), s.to(z.dtype)
        misfit = _along_axes(_transposed(u), y) - s * _along_axes(_transposed(v), z)
        return z + _along_axes(v, s / (s * s + rho) * misfit)

    def undetermined(self, rho: float | Tensor) -> Tensor:
        """``1 - (V * V) s^2 / (s^2 + rho)``. Args and returns as in ``Operator.undetermined``."""
        return self.posterior_diagonal([None] * len(self.shape_in), rho)

    def posterior_diagonal(self, factors: Sequence[Tensor | None], rho: float | Tensor) -> Tensor:
        """Return the diagonal of ``L rho (A^T A + rho I)^-1 L^T``, separable ``L``: the coloured variance that remains.

        ``L`` has one factor per axis, None where it is the identity; its rows are taken to have unit norm, so that the
        prior variance is one everywhere.

        Args:
            factors: per axis an (n_k, n_k) matrix or None.
            rho: weight above 0, a number or a tensor that broadcasts over the batch axes alone.

        Returns:
            (..., *shape_in), between 0 and 1.
        """
        _, s, v = self._singular(self._place_of(rho))
        gain = s * s / (s * s + over_images(rho, len(self.shape_in)))
        mixed = [b if a is None else a.to(s) if b is None else a.to(s) @ b for a, b in zip(factors, v)]
        return (1 - _along_axes([None if m is None else m * m for m in mixed], gain)).clamp(0, 1)

    def leave_one_out(self, y: Tensor, rho: float | Tensor) -> tuple[Tensor, Tensor]:
        """How each datum differs from its prediction by all the others, when ``x`` is white: ``y = A x + n``.

        With ``K = A A^T + rho I`` the difference is ``(K^-1 y)_i / (K^-1)_ii`` and its variance ``1 / (K^-1)_ii``, in
        units of the variance of ``x``. All data are left out at once, each on its own, at the cost of one step.

        Args:
            y: (..., *shape_out).
            rho: variance of the noise over that of ``x``; a number or a tensor over the batch axes alone.

        Returns:
            differences (..., *shape_out) and variances that broadcast to them.

        Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 5.4.2.
        """
        self._check(y, self.shape_out)
        u, s, _ = self._singular(y.device)
        rho = over_images(rho, len(self.shape_in))
        inverse = 1 / (s * s + rho)
        missed = _along_axes(_transposed(u), y)
        squares = [None if m is None else m * m for m in u]
        solved = _along_axes(u, missed * inverse)
        diagonal = _along_axes(squares, inverse.expand(missed.shape))
        if any(
            m > n for m, n in zip(self.shape_out, self.shape_in)
        ):  # data out of reach of A: noise alone explains them
            reached = _along_axes(squares, torch.ones_like(missed))
            solved = solved + (y - _along_axes(u, missed)) / rho
            diagonal = diagonal + (1 - reached) / rho
        variance = 1 / diagonal
        return solved * variance, variance

    def restrict(self, rows: Tensor, axis: int = 0) -> tuple[Separable, Tensor]:
        """As ``Operator.restrict``; columns are those with a weight that is not zero, in rising order.

        Where the axis is left alone, the columns are the rows, in their order.
        """
        axis %= len(self.shape_in)
        kept: list[Tensor | int] = [n if m is None else m for n, m in zip(self.shape_in, self.matrices)]
        rows = checked_rows(rows, self.shape_out[axis])
        reached = {k: self._reach(k) for k, m in enumerate(self.matrices) if m is not None}
        matrix = self.matrices[axis]
        if matrix is None:
            kept[axis], columns = len(rows), rows
        else:
            reached[axis] = reached[axis][rows.cpu()]
            columns = reached[axis].any(0).nonzero().flatten()
            reached[axis] = reached[axis][:, columns]
            kept[axis] = matrix[rows.to(matrix.device)][:, columns.to(matrix.device)]
        part = self._of(kept)
        part._reached = reached
        return part, columns

    def _reach(self, axis: int) -> Tensor:
        """``(m, n)`` on the CPU, true where the matrix of an axis has a weight.

        Asked once, also for what is restricted further: a step that does so then waits for no accelerator.
        """
        if axis not in self._reached:
            matrix = self.matrices[axis]
            assert matrix is not None
            self._reached[axis] = (matrix != 0).cpu()
        return self._reached[axis]

    @classmethod
    def _of(cls, matrices: Sequence[Tensor | int]) -> Separable:
        """Build an operator of float32 matrices without looking at them: an identity among them costs a product."""
        out = Separable([int(m) if isinstance(m, int) else int(m.shape[1]) for m in matrices])
        out.shape_out = tuple(m if isinstance(m, int) else int(m.shape[0]) for m in matrices)
        for k, matrix in enumerate(matrices):
            if isinstance(matrix, Tensor):
                setattr(out, f"matrix{k}", matrix)
        return out

    def __matmul__(self, inner: Operator) -> Operator:
        check_fit(self, inner)
        if self.is_identity:
            return inner
        if not isinstance(inner, Separable):
            return super().__matmul__(inner)
        pairs = zip(self.matrices, inner.matrices, self.shape_in)
        return Separable([n if a is b is None else _product(a, b) for a, b, n in pairs])

    def _singular(self, device: torch.device) -> tuple[list[Tensor | None], Tensor, list[Tensor | None]]:
        """Per-axis U and V (None for identities) and the outer product of the singular values; computed once.

        The values go where the data are: an operator without matrices lies nowhere in particular.
        """
        axes = range(len(self.shape_in))
        if not hasattr(self, "singular_values"):
            self._decompose()
        if self.get_buffer("singular_values").device != device:
            with torch.inference_mode(False), torch.no_grad():
                self.singular_values = self.get_buffer("singular_values").to(device)
        values: Tensor = self.get_buffer("singular_values")
        return [getattr(self, f"u{k}") for k in axes], values, [getattr(self, f"v{k}") for k in axes]

    @torch.inference_mode(False)  # what is kept outlives this call, which may be an inference
    @torch.no_grad()
    def _decompose(self) -> None:
        outer = torch.ones([], dtype=torch.float64)
        for k, (n, matrix) in enumerate(zip(self.shape_in, self.matrices)):
            u, v, s = None, None, torch.ones(n, dtype=torch.float64)
            if matrix is not None:
                left, s, right = torch.linalg.svd(matrix.double().cpu(), full_matrices=False)
                u, v = left.to(matrix), right.T.to(matrix)
            self.register_buffer(f"u{k}", u, persistent=False)
            self.register_buffer(f"v{k}", v, persistent=False)
            outer = outer[..., None] * s
        self.register_buffer("singular_values", outer.float(), persistent=False)


class Identity(Separable):
    """Nothing but noise stands between image and data (denoising); ``prox = (y + rho z) / (1 + rho)``.

    Args:
        shape: lengths of the axes.

    Example:
        >>> Identity((1, 2)).prox(torch.zeros(1, 2), torch.ones(1, 2), rho=1.0)
        tensor([[0.5000, 0.5000]])
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__([int(n) for n in shape])

    def prox(self, z: Tensor, y: Tensor, rho: float | Tensor) -> Tensor:
        self._check(z, self.shape_in)
        self._check(y, self.shape_out)
        rho = over_images(rho, len(self.shape_in))
        return (y + rho * z) / (1 + rho)

    def restrict(self, rows: Tensor, axis: int = 0) -> tuple[Identity, Tensor]:
        rows = checked_rows(rows, self.shape_out[axis])
        return Identity([len(rows) if k == axis else n for k, n in enumerate(self.shape_in)]), rows


def _is_identity(matrix: Tensor) -> bool:
    return matrix.shape[0] == matrix.shape[1] and torch.equal(matrix, torch.eye(len(matrix)).to(matrix))


def _transposed(matrices: Sequence[Tensor | None]) -> list[Tensor | None]:
    return [None if m is None else m.T for m in matrices]


def _product(a: Tensor | None, b: Tensor | None) -> Tensor:
    if a is None or b is None:
        return b if a is None else a  # type: ignore[return-value]
    return a.double() @ b.double()


def _along_axes(matrices: Sequence[Tensor | None], x: Tensor) -> Tensor:
    """Multiply ``x`` by one matrix along each of its last axes; None leaves an axis alone."""
    for k, matrix in enumerate(matrices):
        if matrix is None:
            continue
        axis, weights = k - len(matrices), matrix.to(x.dtype)
        if axis == -1:
            x = x @ weights.T
        else:
            behind = x.shape[axis + 1 :]
            x = (weights @ x.reshape(*x.shape[: axis + 1], math.prod(behind))).unflatten(-1, behind)  # (..., m, behind)
    return x
