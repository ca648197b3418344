# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Define the StrainerNet: images that share their first layers, each with a readout of its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .file_names import name_in_files
from .siren import Siren, _initialise, sine_layers, to_image, to_points

__all__ = ["StrainerNet"]


class StrainerNet(nn.Module):
    """``num_heads`` Sirens whose first ``shared_layers`` layers are one and the same encoder.

        ``x_i(c) = readout_i(encoder(c))``

    Trained on several images at once, the encoder learns what they have in common; the readouts keep what is private to
    each image. Only the encoder is meant to travel: ``siren()`` takes it along and leaves the readouts behind.

    Args:
        spatial_dims: number of coordinates.
        out_channels: intensities per point (contrasts).
        hidden_channels: width ``C``.
        num_layers: layers of each Siren including the last, linear one.
        shared_layers: sine layers ``K`` of the encoder, ``1 <= K < num_layers``; the paper shares all but the last.
        num_heads: readouts, one per image; the name is that of configuration files.
        omega: frequency of every sine layer.
        activation: as in :class:`Siren`.

    Raises:
        ValueError: ``shared_layers`` or ``num_heads`` out of range.

    Source: Vyas et al., "Learning Transferable Features for Implicit Neural Representations", NeurIPS 2024.

    Example:
        >>> net = StrainerNet(spatial_dims=2, hidden_channels=32, num_heads=10)
        >>> net(torch.zeros(1, 2, 8, 9)).shape
        torch.Size([1, 10, 8, 9])
        >>> net.siren()(torch.zeros(1, 2, 8, 9)).shape
        torch.Size([1, 1, 8, 9])
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        out_channels: int = 1,
        hidden_channels: int = 256,
        num_layers: int = 6,
        shared_layers: int = 5,
        num_heads: int = 10,
        omega: float = 30.0,
        activation: str = "sine",
    ) -> None:
        super().__init__()
        if not 1 <= shared_layers < num_layers:
            raise ValueError(f"shared_layers must lie in 1..{num_layers - 1}, not {shared_layers}")
        if num_heads < 1:
            raise ValueError(f"a StrainerNet needs at least one readout, not {num_heads}")
        self.spatial_dims, self.out_channels, self.hidden_channels = spatial_dims, out_channels, hidden_channels
        self.num_layers, self.shared_layers, self.num_heads = num_layers, shared_layers, num_heads
        self.omega, self.activation = float(omega), activation
        self.encoder = sine_layers(spatial_dims, hidden_channels, shared_layers, omega, activation, first=True)
        self.readouts = nn.ModuleList(self._fresh_readout() for _ in range(num_heads))
        name_in_files(self, {"readouts": "heads"})

    def _fresh_readout(self) -> nn.Sequential:
        private = self.num_layers - 1 - self.shared_layers
        layers = sine_layers(
            self.hidden_channels, self.hidden_channels, private, self.omega, self.activation, first=False
        )
        bound = math.sqrt(6 / self.hidden_channels) / self.omega
        return layers.append(_initialise(nn.Linear(self.hidden_channels, self.out_channels), bound))

    def forward(self, coords: Tensor) -> Tensor:
        """All images at the points of one coordinate image.

        Args:
            coords: ``(B, spatial_dims, *spatial)``.

        Returns:
            ``(B, num_heads * out_channels, *spatial)``, readout after readout.
        """
        h = self.encoder(to_points(coords))  # (B, N, C)
        return to_image(torch.cat([readout(h).float() for readout in self.readouts], dim=-1), coords)

    def siren(self, readout: int | None = None) -> Siren:
        """Build a single-image network with a copy of the encoder.

        Args:
            readout: take along the readout of this image; without it the private layers are drawn again, as the paper
                does for an unseen image.
        """
        net = Siren(
            self.spatial_dims, self.out_channels, self.hidden_channels, self.num_layers, self.omega, self.activation
        ).to(next(self.parameters()).device)
        private: list[nn.Module] = [] if readout is None else list(self.readouts[readout].children())
        layers = [*self.encoder, *private[:-1]]
        with torch.no_grad():
            for mine, theirs in zip(net.encoder, layers):
                mine.load_state_dict(theirs.state_dict())
            if readout is not None:
                net.readout.load_state_dict(private[-1].state_dict())
        return net
