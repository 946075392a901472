"""Helpers of the end-to-end tests: programmable peers, strict clients and the process under test."""
