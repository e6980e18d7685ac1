"""The wires: sans-I/O, one message in, commands out, answers and publications framed."""
