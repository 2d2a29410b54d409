"""The ledger: rows, transactions, claims, leases, and what holds creations back. Nothing here knows the service."""
