"""Next: when each room and the home change, as distributions, published only where they are worth it."""
