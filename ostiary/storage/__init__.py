"""The database: engines, read and write sessions, secrets at rest, the feed of changes, leases and jobs.

It owns no table of a feature and knows no feature's rules."""
