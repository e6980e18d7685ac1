"""Where we touch pykka: its private names, how a ref looks to code written for it, its words."""
