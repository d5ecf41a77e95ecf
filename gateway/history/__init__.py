"""What the values were: samples written on change, queried with their extremes kept."""
