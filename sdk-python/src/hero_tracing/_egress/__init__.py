"""The proxy through which plays reach the network: a process of the executor's, outside of the jail.

`addresses` says which addresses are public, `policy` what a play may reach, `heads` reads HTTP strictly, `exchange` serves one
connection, `server` is the process. Nothing here imports the rest of the SDK, and no play imports it.
"""
