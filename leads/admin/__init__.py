"""The model pages of this layer, by what they are for."""

from leads.admin import catalogue, intake, mailtexts, people, records, vocabulary, webhooks

__all__ = ["catalogue", "intake", "mailtexts", "people", "records", "vocabulary", "webhooks"]
