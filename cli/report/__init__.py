"""The report that is handed over: read from the ledger, as figures, as sections with charts, as one file."""
