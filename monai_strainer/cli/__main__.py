# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the command line: ``python -m monai_strainer.cli``."""

import sys

from .command_line import main

sys.exit(main())
