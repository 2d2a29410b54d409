"""The domain of WorkSpaces Standby: what a primary WorkSpace needs, decided and carried out.

Data flows one way: event -> ids -> described WorkSpaces -> decisions -> calls -> ledger. Nothing here reads the
environment or the system's clock: settings, clients, time and ids are handed in by the handlers (`wiring.py`).
"""
