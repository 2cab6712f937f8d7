"""C1, the triple rolling straddle: 120 features of the ATM, ITM1 and OTM1 straddles and their legs."""
