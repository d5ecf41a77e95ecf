"""What answers back: the physics, the senses and the servers of a plant that is not there."""
