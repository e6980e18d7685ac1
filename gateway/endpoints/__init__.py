"""The app code of one connection: endpoints and what stands before them, sessions, calls, permits."""
