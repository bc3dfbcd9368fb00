"""People: users, groups, tokens, passwords, lock-out. It does not know how a browser proves who it is."""
