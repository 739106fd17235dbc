"""``python -m gtrack``: the same as the ``gtrack`` command."""

import sys

from gtrack.cli import main

if __name__ == "__main__":
    sys.exit(main())
