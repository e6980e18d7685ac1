"""Where the gateway listens: addresses, sockets, TLS."""
