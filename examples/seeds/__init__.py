"""The examples of the five documents that started this, line by line; the table is in README.md."""
