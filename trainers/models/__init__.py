"""Small real models: an ordinary module, and the same forward pass for a stack of rows."""
