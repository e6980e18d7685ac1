"""A socket as a connection sees it: its interface, frames, what goes in and out, what waits while it is full."""
