"""A tree that a file configures: read, checked, drawn, and started."""
