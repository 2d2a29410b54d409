"""What leaves the ledger: events and notices."""
