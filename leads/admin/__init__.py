"""The model pages of this layer, by what they are for."""

from leads.admin import catalogue, people, vocabulary

__all__ = ["catalogue", "people", "vocabulary"]
