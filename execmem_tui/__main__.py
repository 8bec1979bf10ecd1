"""``python -m execmem_tui``: the same door as the command ``execmem-tui``."""

import sys

from execmem_tui.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
