"""The operator's command line.

It uses the deployed code to read events and refusals, so that it interprets them as the functions do.
"""

import sys
from pathlib import Path

_LAMBDAS = str(Path(__file__).resolve().parent.parent / "lambdas")
if _LAMBDAS not in sys.path:
    sys.path.append(_LAMBDAS)
