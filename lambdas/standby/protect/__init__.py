"""An event or a call by hand becomes a standby: rule 1 lives here (`request.py`)."""
