"""What can be configured, with defaults and reasons; flags, environment and file become one checked tree."""
