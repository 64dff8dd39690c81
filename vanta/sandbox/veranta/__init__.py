"""The venue's services, one module a service."""
