"""`python -m transfer_core COMMAND ...`: the command line."""

import sys

from transfer_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
