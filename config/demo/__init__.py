"""A believable year of an invented company, made with the portal's own verbs."""
