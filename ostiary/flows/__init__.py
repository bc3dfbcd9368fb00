"""The login engine: stored flows, stages and bindings, and the pages that run them. It knows no protocol."""
