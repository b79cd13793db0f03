"""Results on their way between machines, verified whole before anything of them is stored."""
