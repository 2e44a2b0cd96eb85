"""Webhooks: events are told to the document system by calling it (Standard Webhooks 1.0.0), and a call may hand over."""
