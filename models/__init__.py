"""Chat models behind one spec string, their weights, their cost and their uncertainty."""
