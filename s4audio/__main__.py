"""`python -m s4audio` is the `s4audio` command."""

import sys

from s4audio.cli import main

if __name__ == "__main__":
    sys.exit(main())
