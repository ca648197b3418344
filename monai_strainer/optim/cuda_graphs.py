# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Capture a training step once and replay it: hundreds of launches become one.

A step of a coordinate network is some 300 small kernels. An accelerator runs them in less time than Python takes to
launch them, so from the fourth step on a CUDA graph launches all of them at once. Nowhere else is anything recorded.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["CudaGraphs", "Recorded", "recorder_of"]

Replay = Callable[[], None]
BEFORE = 3  # steps that run as they are: they allocate what optimisers and libraries need


class Recorded:
    """A step that runs as it is for a while and is then recorded and replayed, wherever its inputs look alike.

    What a step reads beside its inputs (weights, moments, rates) must be tensors that stay where they are; what it
    decides in Python is decided once.

    Args:
        step: takes tensors, operators and noise models; returns one tensor without a gradient.
        recorder: how the device records, as :func:`recorder_of` gives it; None never does.

    Example:
        >>> double = Recorded(lambda x: 2 * x)
        >>> double(torch.ones(2))
        tensor([2., 2.])
    """

    def __init__(self, step: Callable[..., Tensor], recorder: CudaGraphs | None = None) -> None:
        self.step, self.recorder = step, recorder
        self._calls = 0
        self._inputs: list[Tensor | nn.Module] = []
        self._replay: Replay | None = None
        self._result: Tensor | None = None

    def __call__(self, *inputs: Tensor | nn.Module) -> Tensor:
        """Run, record or replay. The result of a replay is overwritten by the next one."""
        self._calls += 1
        if self.recorder is None:
            return self.step(*inputs)
        if self._calls <= BEFORE:
            return self.recorder.run(lambda: self.step(*inputs))
        if self._replay is None:
            self._inputs = [copy.deepcopy(one) for one in inputs]
            try:
                self._replay, self._result = self.recorder.record(lambda: self.step(*self._inputs))
            except RuntimeError as error:  # slower, and as right
                warnings.warn(f"a step could not be recorded and is launched piece by piece: {error}", stacklevel=2)
                self.recorder = None
                return self.step(*inputs)
        rooms, given = _tensors(self._inputs), _tensors(inputs)
        if [(t.shape, t.dtype) for t in rooms] != [(t.shape, t.dtype) for t in given]:
            return self.step(*inputs)
        for room, one in zip(rooms, given):
            room.copy_(one)
        self._replay()
        assert self._result is not None
        return self._result


def _tensors(inputs: list[Tensor | nn.Module] | tuple[Tensor | nn.Module, ...]) -> list[Tensor]:
    """All numbers that inputs hold, in a fixed order."""
    return [t for one in inputs for t in ([one] if isinstance(one, Tensor) else one.buffers())]


class CudaGraphs:
    """Captures steps on a CUDA device: on a stream of its own, where the steps before have run too.

    Args:
        device: a CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)

    def run(self, step: Callable[[], Tensor]) -> Tensor:
        """Run a step on the stream; what comes after waits for it."""
        here = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            result = step()
        here.wait_stream(self.stream)
        return result

    def record(self, step: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
        """Write down what a step launches, without running it: how to run it, and where its result will be."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            result = step()
        return graph.replay, result


def recorder_of(device: torch.device) -> CudaGraphs | None:
    """How to record on a device; None where launches cost nothing."""
    return CudaGraphs(device) if device.type == "cuda" else None
