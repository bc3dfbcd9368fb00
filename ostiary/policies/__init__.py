"""May this subject do this, and why. The engine is pure: no input or output, no clock of its own."""
