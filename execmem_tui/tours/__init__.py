"""Tours.

What a lecturer says, what the simulator does meanwhile, and what the listener guesses first.
"""
