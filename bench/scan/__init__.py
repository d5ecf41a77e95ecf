"""What one scan costs, and how late it begins. See ``__main__``."""
