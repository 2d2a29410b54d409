"""The domain of WorkSpaces Standby: decides what each primary WorkSpace needs, and does it.

Data flows one way: event → ids → described WorkSpaces → changes → calls → ledger. Nothing here reads the environment or
the system's clock: `wiring.py` passes in settings, clients, time and ids.

`core` decides from plain values and imports only itself. `aws` calls AWS and imports only `core`. `ledger` stores the
results and decides nothing. The pieces of work use these: `reconcile.py` with `request.py` is the one loop that acts;
`schedule.py` selects what is due; `sweep.py` goes through the fleet; `terminations.py` handles terminated WorkSpaces;
`operator.py` handles operators' other calls; `notices.py` sends notices. Imports only go downwards
(`tests/core/test_layers.py`).
"""

import gc

# What a function loads at its start stays. To search it for garbage whenever 700 more objects exist, which is Python's
# default, takes a tenth of a cold start.
gc.set_threshold(120_000)
