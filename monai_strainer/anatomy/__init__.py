# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the object in a scan, and where the head is: foreground, head coordinates, a coarse image of a whole head."""
