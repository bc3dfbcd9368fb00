"""The whole installation in files: authentik's blueprints, read, planned, applied and written.

A blueprint names objects and how they should be. This room reads such files, compares them with what is there through
`objects`' kinds, and makes the difference, or only shows it. What an object's fields mean is its kind's, and what may
be stored is its room's: nothing is written here past them.
"""
