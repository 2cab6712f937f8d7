"""Groups of commands of ``mr``, one module a group, and the arguments they share."""
