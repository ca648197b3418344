# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Several scans of one person: stacks as one volume, contrasts that help each other, and one door for all."""
