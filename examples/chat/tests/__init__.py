"""The tests of the chat, as a user of hubbub writes them: `pytest examples/chat`. Its page is driven in tests/."""
