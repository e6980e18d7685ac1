"""The cell, which is the ref: what of an actor survives a restart, and what class and instance bring to it."""
