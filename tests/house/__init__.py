"""What the black-box tests stand on: real stores, real processes, a real tool server."""
