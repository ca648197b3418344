# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Pretrain at several hospitals: only weights that many scans share leave a hospital."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from monai.fl.utils.exchange_object import ExchangeObject
from monai.fl.utils.filters import Filter
from torch.utils.data import Sampler

from ..pretraining.detail import DetailTraining

__all__ = ["EncoderOnly", "Onward", "update_of"]


class EncoderOnly(Filter):
    """Drops every weight but the encoder's from what a client sends: readouts and their statistics describe patients.

    ``configs/filters.json`` names it for ``monai.fl.client.MonaiAlgo(config_filters_filename="configs/filters.json")``.

    Example:
        >>> sent = ExchangeObject(weights={"encoder.0.0.weight": 1, "head.weight": 2, "head_covariance": 3})
        >>> list(EncoderOnly()(sent).weights)
        ['encoder.0.0.weight']
    """

    def __call__(self, data: ExchangeObject, extra: dict[str, Any] | None = None) -> ExchangeObject:
        """Return a message that holds the weights of the encoder alone.

        Args:
            data: what the client is about to send; changed in place.
            extra: not used.
        """
        weights = data.weights or {}
        data.weights = {name: value for name, value in weights.items() if name.startswith("encoder.")}
        return data


class Onward(Sampler[int]):
    """Numbers 0, 1, 2, … that go on where the last round stopped; a plain loader shows every round the same beginning.

    Args:
        length: after which it starts from the beginning.

    Example:
        >>> rounds = Onward(10)
        >>> [[i for _, i in zip(range(2), rounds)] for _ in range(2)]
        [[0, 1], [2, 3]]
    """

    def __init__(self, length: int) -> None:
        self.length, self.shown = length, 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        while True:
            self.shown += 1
            yield (self.shown - 1) % self.length


def update_of(training: DetailTraining) -> Callable[[Any, Any], dict[str, float]]:
    """One step of a detail prior's training as MONAI's ``SupervisedTrainer(iteration_update=...)`` calls it.

    Between two rounds the server replaces the weights of the network; the optimisers and the step count stay here.
    """

    def update(engine: Any, batch: Any) -> dict[str, float]:
        return {"loss": float(training.step(engine.state.iteration - 1, batch))}

    return update
