"""What can be managed, in authentik's words: one `Kind` per type of object, over the rooms' own verbs.

A kind reads, makes, changes and deletes its objects, says who refers to them and which fields they have. The API,
blueprints and the policy simulation know objects only through kinds; HTTP and YAML are theirs, not ours.
"""
