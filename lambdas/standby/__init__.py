"""The domain of WorkSpaces Standby: what a primary WorkSpace needs, decided and carried out.

Data flows one way: event → ids → described WorkSpaces → changes → calls → ledger. Nothing here reads the environment or
the system's clock: settings, clients, time and ids are handed in by `wiring.py`.

`core` decides, from plain values, and imports nothing but itself. `aws` asks AWS, and knows `core` alone. `ledger`
keeps what became of it, and decides nothing. On these stand the pieces of work: `reconcile.py` with `request.py`, the
one loop that acts; `schedule.py`, which says what is due; `sweep.py`, which goes through the fleet; `terminations.py`;
`operator.py`, what a person does besides; and `notices.py`. Imports go downwards only (`tests/core/test_layers.py`).
"""
