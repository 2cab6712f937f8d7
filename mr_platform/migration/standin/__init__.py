"""A stand-in for the HeavyDB server, wire-compatible with its unmodified client: for tests and for the demo.

``tables`` a database on a DuckDB file, stored as the server stores it; ``dialect`` the server's guard rails and its SQL
as DuckDB's; ``wire`` answers as Arrow frames and Thrift columns; ``handler`` the calls; ``faults`` what goes wrong on
purpose; ``server`` sockets and threads; ``market`` the embedded market as tables. How it differs from the real server
is written down in docs/decisions.
"""
