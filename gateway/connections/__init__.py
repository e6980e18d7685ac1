"""The machine of a connection and its nouns: reception, memberships, replies, deadlines, farewell."""
