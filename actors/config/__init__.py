"""What a settings class says of itself, and how a file becomes one: durations, sizes, letters about mistakes."""
