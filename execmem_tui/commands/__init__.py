"""What a simulated kernel can be told: load, remove, fill, and where something would lie."""
