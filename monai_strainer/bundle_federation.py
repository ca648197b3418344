# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Federated pretraining: what may leave a hospital is the shared encoder, and nothing else."""

from __future__ import annotations

from typing import Any

from monai.fl.utils.exchange_object import ExchangeObject
from monai.fl.utils.filters import Filter

__all__ = ["EncoderOnly"]


class EncoderOnly(Filter):
    """Drops every weight but the encoder's from what a client sends: heads and their statistics describe patients.

    ``configs/filters.json`` names it for ``monai.fl.client.MonaiAlgo(config_filters_filename="configs/filters.json")``.

    Example:
        >>> sent = ExchangeObject(weights={"encoder.0.0.weight": 1, "head.weight": 2, "head_covariance": 3})
        >>> list(EncoderOnly()(sent).weights)
        ['encoder.0.0.weight']
    """

    def __call__(self, data: ExchangeObject, extra: dict[str, Any] | None = None) -> ExchangeObject:
        """Filter one message."""
        weights = data.weights or {}
        data.weights = {name: value for name, value in weights.items() if name.startswith("encoder.")}
        return data
