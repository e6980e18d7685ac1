"""Where positions and history come from."""
