# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Give optimisers, learning-rate schedules, and training steps captured as CUDA graphs."""
