"""HeavyDB as a source of rows: read-only by construction, Arrow over the wire.

``settings`` where the server is and who asks; ``statements`` the questions, ``grammar`` what may be sent at all,
``writing`` how it is spelt; ``connection`` the session, its retries and its two routes (Arrow ``frames``, columnar
rows); ``schema`` what a column is on each side; ``chunks`` how a day is cut; ``transport`` the bounded socket.
"""
