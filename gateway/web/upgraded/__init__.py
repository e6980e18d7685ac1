"""A socket from the upgrade on: the 101, the hand-over of its transport, reading it, writing it."""
