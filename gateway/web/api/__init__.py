"""The HTTP API: what other back ends ask, with a key."""
