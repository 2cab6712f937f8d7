"""Moving a source database into the lake and proving it: ledger, transfer, verification, certificate."""
