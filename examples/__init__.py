"""Small programs to read and run; each is run by the tests."""
