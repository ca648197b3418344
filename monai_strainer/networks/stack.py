# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Stack Sirens: one private copy per slice, all evaluated in one batched product."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .sine_layers_cpu import SineTape, sine_features
from .siren import Siren

__all__ = ["SirenStack", "stable_rank"]


def stable_rank(weight: Tensor) -> Tensor:
    """``||W||_F^2 / ||W||_2^2``: how many directions a layer really uses (arXiv 2605.08298).

    Example:
        >>> round(float(stable_rank(torch.eye(4))), 3)
        4.0
    """
    return weight.square().sum() / torch.linalg.matrix_norm(weight, 2).square()


class SirenStack(nn.Module):
    """``S`` Sirens of one architecture with their weights stacked along a first axis.

    Args:
        siren: the network every copy starts from. It is never changed.
        copies: ``S``.

    Example:
        >>> stack = SirenStack(Siren(2, hidden_channels=16), copies=3)
        >>> stack(torch.zeros(3, 50, 2)).shape
        torch.Size([3, 50, 1])
    """

    def __init__(self, siren: Siren, copies: int) -> None:
        super().__init__()
        self.weights, self.biases, self.omega = nn.ParameterList(), nn.ParameterList(), siren.omega
        for layer in siren.encoder:
            linear, _ = layer.children()
            assert isinstance(linear, nn.Linear)
            self._append(linear.weight, linear.bias, copies)
        self._append(siren.readout.weight, siren.readout.bias, copies)
        self.tape = SineTape()

    def _append(self, weight: Tensor, bias: Tensor, copies: int) -> None:
        # detach().clone(): the network may hold inference tensors, which take no part in autograd
        self.weights.append(nn.Parameter(weight.detach().clone().T.expand(copies, -1, -1).contiguous()))  # (S, in, out)
        self.biases.append(nn.Parameter(bias.detach().clone().expand(copies, 1, -1).contiguous()))  # (S, 1, out)

    def features(self, points: Tensor) -> Tensor:
        """``(S, N, d)`` to the last features ``(S, N, C)``."""
        return sine_features(points, list(self.weights)[:-1], list(self.biases)[:-1], self.omega, self.tape)

    def forward(self, points: Tensor) -> Tensor:
        """``(S, N, d)`` coordinates to ``(S, N, out_channels)`` intensities."""
        return torch.baddbmm(self.biases[-1], self.features(points), self.weights[-1]).float()

    @torch.no_grad()
    def set_readouts(self, readouts: Tensor) -> None:
        """Give every copy its own readout: ``(S, out_channels, C + 1)``, weights then bias."""
        self.weights[-1].copy_(readouts[..., :-1].transpose(1, 2))  # (S, C, out)
        self.biases[-1].copy_(readouts[..., -1].unsqueeze(1))  # (S, 1, out)

    def freeze(self, depth: int | str | None) -> int:
        """Stop training the first ``depth`` layers; ``"auto"`` freezes up to the hidden layer of highest stable rank.

        Returns:
            the number of frozen layers.

        Raises:
            ValueError: no layer would be left to train, or the word is not "auto".
        """
        hidden = len(self.weights) - 1
        if depth == "auto":
            ranks = [float(stable_rank(w[0].detach())) for w in list(self.weights)[1:hidden]]
            depth = 1 + max(range(len(ranks)), key=ranks.__getitem__) if ranks else 0
        depth = depth or 0
        if not isinstance(depth, int) or not 0 <= depth <= hidden:
            raise ValueError(f"freeze must be None, 'auto' or a number in 0..{hidden}, not {depth!r}")
        for k in range(depth):
            self.weights[k].requires_grad_(False)
            self.biases[k].requires_grad_(False)
        return depth
