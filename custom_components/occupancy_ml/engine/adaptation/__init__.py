"""How the engine judges itself, and what it does about it."""
