"""The model pages of this layer, by what they are for."""

from leads.admin import catalogue, intake, people, records, vocabulary

__all__ = ["catalogue", "intake", "people", "records", "vocabulary"]
