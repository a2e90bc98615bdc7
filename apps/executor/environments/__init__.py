"""Resolves, installs and removes the packages of plays: one process of the plays' own interpreter for each request."""
