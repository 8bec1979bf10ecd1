"""Tours: what a lecturer says, what the simulator does meanwhile, and what the listener guesses first."""
