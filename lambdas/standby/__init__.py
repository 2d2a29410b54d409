"""The domain of WorkSpaces Standby: what a primary WorkSpace needs, decided and carried out.

Data flows one way: event -> ids -> described WorkSpaces -> decisions -> calls -> ledger. Nothing here reads the
environment or the system's clock: settings, clients, time and ids are handed in by the handlers (`wiring.py`).

The modules beside this one are the words that all of it speaks. `decisions` is pure; `service` asks AWS about
WorkSpaces, and changes them; `ledger` keeps what became of them. On these stand the handlers' packages: `protect`,
`watch`, `sweep` and `announce`. Imports go downwards only (`tests/unit/test_layers.py`).
"""
