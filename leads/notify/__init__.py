"""Telling people: the outbox, its channels and the bell."""
