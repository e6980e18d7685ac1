"""Whose turn it is, what one turn does, running a receiver in place, and who takes too long."""
