"""What the world looks like now: the present fingerprint of every kind of input."""
