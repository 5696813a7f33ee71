"""How times and numbers are written in the portal."""
