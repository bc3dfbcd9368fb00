"""The audit log: what happened, to whom, from where. It records and lists; it decides nothing."""
