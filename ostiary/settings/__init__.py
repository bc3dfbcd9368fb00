"""The whole configuration as one typed tree, and where each value came from.

Read at start by the composition root, the command and the storage engine; every other part gets plain values. It holds
no setting that can change while the server runs."""
