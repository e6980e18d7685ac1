"""The command `hubbub`: serve, check, top, why."""
