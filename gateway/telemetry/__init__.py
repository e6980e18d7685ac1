"""Facts as log lines and numbers, and what is measured of the process."""
