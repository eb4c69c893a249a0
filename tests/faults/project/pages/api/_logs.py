"""What everybody in the process logs through, as most projects have it."""

import logging
import os

null = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as the process runs
logging.basicConfig(level=logging.INFO, stream=null)

log = logging.getLogger("project")
