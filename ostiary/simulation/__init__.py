"""What a change would do to everybody's access, found out in a process of its own.

Who gains and who loses is `access.rehearsal`'s to say. This room starts the child that rehearses on a snapshot, hears
of its progress, ends it, and puts what it found into words; it changes nothing itself.
"""
