"""Is a room occupied now: calibrated logistic regression (CLR), its explanation, and the switch."""
