"""`python -m app` is `daybook`."""

import sys

from app.cli import main

sys.exit(main())
