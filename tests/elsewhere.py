# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A device that is not the CPU, for machines that have no other: it holds numbers and refuses those of the CPU.

Inside :func:`elsewhere` tensors on ``meta`` hold values. As on an accelerator, an operation on a tensor of the device
and a tensor of the CPU is refused unless the latter has no axes or is an index. What the CPU reads back is counted:
an accelerator would have to be waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_map_only

__all__ = ["ELSEWHERE", "Held", "Place", "elsewhere"]

ELSEWHERE = torch.device("meta")
_WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal.default", "is_nonzero")
_PICKS = ("aten::index.Tensor", "aten::index_put_", "aten::index_put", "aten::_index_put_impl_")


class Held(Tensor):
    """A tensor that says it lies elsewhere, and holds its values."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Held:
        return Tensor._make_wrapper_subclass(  # type: ignore[attr-defined,no-any-return]
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=ELSEWHERE,
        )

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.tolist:  # refuses every class but its own
            return args[0].detach().cpu().tolist()
        if func is Tensor.new_tensor:
            return torch.tensor(*args[1:], **{"dtype": args[0].dtype, **(kwargs or {})}).to(ELSEWHERE)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError("use such tensors inside of elsewhere()")

    def __deepcopy__(self, memo: Any) -> Tensor:
        twin = self.detach().clone().requires_grad_(self.requires_grad)
        if isinstance(self, torch.nn.Parameter):
            twin._is_param = True  # type: ignore[attr-defined]
        memo[id(self)] = twin
        return twin

    def __repr__(self, *args: Any, **kwargs: Any) -> str:
        return f"Held({tuple(self.shape)}, {self.dtype})"


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    """Tensors among arguments, and in lists of them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from (one for one in value if isinstance(one, Tensor))


class Place(TorchDispatchMode):
    """Runs every operation where its tensors lie. ``reads`` counts what the CPU waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = list(_tensors((*args, *kwargs.values())))
        held = [t for t in tensors if isinstance(t, Held)]
        to = kwargs.get("device")
        if not held and (to is None or torch.device(to) != ELSEWHERE):
            return func(*args, **kwargs)
        name = func.name()
        moves = name.startswith(("aten::_to_copy", "aten::copy_"))
        if held and not moves:
            self._check(name, args, tensors)
        if to is not None:
            kwargs["device"] = torch.device("cpu")
        out = func(*tree_map_only(Held, lambda t: t.inner, args), **tree_map_only(Held, lambda t: t.inner, kwargs))
        home = bool(held) if to is None else torch.device(to) == ELSEWHERE
        back = (name.startswith("aten::_to_copy") and held and not home) or (
            name.startswith("aten::copy_") and not isinstance(args[0], Held)
        )
        picks = name in _PICKS and any(i is not None and isinstance(i, Held) and i.dtype == torch.bool for i in args[1])
        self.reads += bool(back or picks or any(word in name for word in _WAITS))
        if back:
            return args[0] if name.startswith("aten::copy_") else out
        return return_and_correct_aliasing(func, args, kwargs, tree_map_only(Tensor, Held, out)) if home else out

    @staticmethod
    def _check(name: str, args: Any, tensors: list[Tensor]) -> None:
        """Refuse what an accelerator refuses."""
        if name in _PICKS:  # an index may lie on the CPU
            tensors = [args[0], *args[2:3]]
        strict = any(word in name for word in ("cat", "stack", "mm", "matmul", "convolution"))
        here = [t for t in tensors if isinstance(t, Tensor) and not isinstance(t, Held) and (t.ndim or strict)]
        if here:
            raise RuntimeError(f"{name}: a tensor {tuple(here[0].shape)} of the CPU meets one of the device")


class _Written(TorchFunctionMode):
    """Numbers that Python writes down for the device: PyTorch would leave them out."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            where = kwargs.pop("device")
            return func(*args, **kwargs).to(where)
        return func(*args, **kwargs)


@contextmanager
def elsewhere() -> Iterator[Place]:
    """Tensors on :data:`ELSEWHERE` hold values inside."""
    with Place() as place, _Written():
        yield place
