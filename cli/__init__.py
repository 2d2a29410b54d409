"""The operator's command line.

It reads events and refusals with the code that is deployed, so that it says of them what the functions would.
"""

import sys
from pathlib import Path

_LAMBDAS = str(Path(__file__).resolve().parent.parent / "lambdas")
if _LAMBDAS not in sys.path:
    sys.path.append(_LAMBDAS)
