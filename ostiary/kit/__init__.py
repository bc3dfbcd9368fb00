"""Small parts that know nothing of identity: errors, clock, tokens, URLs, proxies, expressions.

Nothing here may read the database, the settings or a request object."""
