"""How the engine judges itself, and what it does about it: daily scores, the report card, the gate, drift."""
