"""Where truth comes from: hindsight, reference sensors, people away, corrections."""
