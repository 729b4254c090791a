"""The computation graph as a picture: `draw`."""
