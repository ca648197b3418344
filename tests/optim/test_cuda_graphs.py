# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A recorded step does what the step does. On a CPU a list of operations stands in for a CUDA graph: the same
operations on the same memory, and nothing of what Python decided in between."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from phantoms import slice_coordinates, slice_images, small_cohort, small_siren
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

import monai_strainer.optim.cuda_graphs as recorded
import monai_strainer.optim.muon as muon
from monai_strainer import Recipe, pretrain
from monai_strainer.fitting import FitOptions, refine
from monai_strainer.networks import sine_layers_cpu as fused
from monai_strainer.optim.cuda_graphs import Recorded
from monai_strainer.optim.schedules import set_rate
from monai_strainer.physics import Blur, Downsample, GaussianNoise, Identity, Measurement, Operator, RicianNoise
from monai_strainer.pretraining.run import Run

SIZE = (20, 26)
WAITS = ("_local_scalar_dense", "nonzero", "masked_select")  # an accelerator would have to be waited for


class Operations(TorchDispatchMode):
    """Writes down every operation, and does them again."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(word in func.name() for word in WAITS):
            raise RuntimeError(f"{func} cannot be recorded")
        out = func(*args, **(kwargs or {}))
        self.made.append(tree_map_only(Tensor, lambda t: t.data, (func, args, kwargs or {}, out)))  # memory alone
        return out

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, out in self.made:
            rooms = {t.untyped_storage().data_ptr() for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
            again = func(*args, **kwargs)
            for room, value in zip(tree_leaves(out), tree_leaves(again)):
                if isinstance(room, Tensor) and room.untyped_storage().data_ptr() not in rooms:
                    room.copy_(value)


class Counted:
    """Stands in for ``CudaGraphs`` and counts. A CUDA graph runs nothing while it is made; here the record is the
    first replay."""

    def __init__(self) -> None:
        self.records = self.replays = 0

    def run(self, step: Callable[[], Tensor]) -> Tensor:
        return step()

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        self.records += 1
        with Operations() as operations:
            result = step()

        def replay() -> None:
            self.replays += 1
            if self.replays > 1:
                operations.replay()

        return replay, result


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Steps are recorded on the CPU, with optimisers as an accelerator has them."""
    counted = Counted()

    def adam(params: Any, lr: float) -> torch.optim.Adam:
        return torch.optim.Adam(list(params), torch.tensor(lr), fused=True)

    for name in ("monai_strainer.fitting.refine", "monai_strainer.pretraining.encoder"):
        monkeypatch.setattr(sys.modules[name], "recorder_of", lambda device: counted)
    monkeypatch.setattr(muon, "adam", adam)
    monkeypatch.setattr(sys.modules["monai_strainer.pretraining.encoder"], "adam", adam)
    monkeypatch.setattr(muon, "rate_on", lambda device, lr: torch.tensor(lr))
    monkeypatch.setattr(fused.SineTape, "take", lambda self, name, shape, dtype: torch.empty(*shape, dtype=dtype))
    return counted


def close(one: Tensor, two: Tensor) -> None:
    torch.testing.assert_close(one, two, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("optimiser", ["muon", "adam"])
@pytest.mark.parametrize("operator", [Identity(SIZE), Downsample(SIZE, 2)])
@pytest.mark.parametrize("points", [4096, 100])
def test_refinement(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, optimiser: str, operator: Operator, points: int
) -> None:
    coords, y = slice_coordinates(2, *SIZE), operator.A(slice_images(2, *SIZE))
    given = FitOptions(steps=12, optimiser=optimiser, points=points, every=4, allow_no_network=False)
    plain = refine(small_siren(), coords, Measurement(operator, y, RicianNoise(0.01)), given)
    counted = request.getfixturevalue("recorder")
    found = refine(small_siren(), coords, Measurement(operator, y, RicianNoise(0.01)), given)
    assert counted.records == 1 and counted.replays == 12 - recorded.BEFORE
    close(found.images, plain.images)
    for (_, mine), (_, theirs) in zip(found.curve, plain.curve):
        assert mine == pytest.approx(theirs, rel=2e-3)


def test_steps_of_another_shape_run_as_they_are(request: pytest.FixtureRequest) -> None:
    operator = Blur(SIZE, 1.0)  # how many rows of the image it reads depends on which ones of the data are looked at
    coords, y = slice_coordinates(1, *SIZE), operator.A(slice_images(1, *SIZE))
    given = FitOptions(steps=20, points=40, allow_no_network=False)
    plain = refine(small_siren(), coords, Measurement(operator, y, GaussianNoise(0.01)), given)
    counted = request.getfixturevalue("recorder")
    found = refine(small_siren(), coords, Measurement(operator, y, GaussianNoise(0.01)), given)
    assert 0 < counted.replays < 20 - recorded.BEFORE
    close(found.images, plain.images)


def test_pretraining_as_in_the_paper(request: pytest.FixtureRequest) -> None:
    recipe = Recipe(steps=12, tiles=1, points=None, images=3, rate=1e-3, warmup=0, trained_heads=True)
    losses: dict[str, list[float]] = {"plain": [], "recorded": []}
    for way, calls in losses.items():
        if way == "recorded":
            counted = request.getfixturevalue("recorder")
        pretrain(
            small_cohort(),
            recipe,
            network=small_siren(),
            run=Run(on_step=lambda step, loss, calls=calls: calls.append(loss)),
        )
    assert counted.replays == 12 - recorded.BEFORE
    assert losses["recorded"] == pytest.approx(losses["plain"], rel=1e-3) and losses["plain"][-1] < losses["plain"][0]


def test_a_rate_that_changes_is_used() -> None:
    found = []
    for record in (None, Counted()):
        weight = torch.nn.Parameter(torch.ones(3))
        engine = torch.optim.Adam([weight], torch.tensor(0.1), fused=True)

        def advance(x: Tensor, weight: Tensor = weight, engine: torch.optim.Optimizer = engine) -> Tensor:
            engine.zero_grad(set_to_none=True)
            loss = (weight * x).square().sum()
            loss.backward()
            engine.step()
            return loss.detach()

        once = Recorded(advance, record)
        for step in range(9):
            set_rate(engine, 0.1 / (step + 1))
            once(torch.tensor([1.0, 2.0, step]))
        found.append(weight.detach().clone())
    torch.testing.assert_close(found[0], found[1])


def test_what_cannot_be_recorded_runs_as_it_is() -> None:
    once = Recorded(lambda x: torch.tensor(float(x.sum())), Counted())
    with pytest.warns(UserWarning, match="could not be recorded"):
        assert [float(once(torch.full((2,), float(k)))) for k in range(6)] == [0, 2, 4, 6, 8, 10]


def test_nothing_is_recorded_on_a_cpu() -> None:
    assert recorded.recorder_of(torch.device("cpu")) is None
