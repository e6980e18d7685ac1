"""Document D, Chanx' quick start: messages, consumers, routing, and the application, a module each as there."""
