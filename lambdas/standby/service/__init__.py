"""What the service is asked, and every answer that it can give; nothing here knows the ledger."""
