"""Results on their way between machines: bundles that are verified whole before anything of them is stored."""
