"""The CDK app. The stacks are composed in `infra/stack.py` and `infra/dr_stack.py`."""

import sys

from infra.synth import main

if __name__ == "__main__":
    sys.exit(main())
