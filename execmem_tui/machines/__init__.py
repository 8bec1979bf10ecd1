"""Which machine is it? Its layout, told from what it says of itself."""
