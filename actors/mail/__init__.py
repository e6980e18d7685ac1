"""What travels to an actor and waits for it: messages, the system lane, the mailbox, the stash, leftovers."""
