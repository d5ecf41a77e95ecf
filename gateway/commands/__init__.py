"""What the command line does, one module per group; imported only when it is asked for."""
