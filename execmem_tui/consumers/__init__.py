"""What each consumer asks of execmem, and the simulated kernel they ask it of."""
