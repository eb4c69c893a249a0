"""The request methods that a route module may export a function for."""

from __future__ import annotations

__all__ = ["METHODS"]

# RFC 9110 section 9.3 and RFC 5789, without CONNECT and TRACE, which are for proxies and diagnosis.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
