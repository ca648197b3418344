# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Several stacks of one person, in any direction, as one volume; and one door for a scan or for stacks."""
