"""Who somebody is and what they may: handshakes, authenticators, tokens, principals, permissions, grants."""
