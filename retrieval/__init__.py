"""From a question or an image to ranked evidence, and from a citation back to its source."""
