"""What each component and each group of its features is for: the words between the entries of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from mr_platform.features.catalogue import ComponentEntry, FeatureSpec


@dataclass(frozen=True)
class GroupGuide:
    """A group of features: its title and, in a sentence, the question that it answers."""

    title: str
    purpose: str


@dataclass(frozen=True)
class ComponentGuide:
    """A component: its title, what it looks at, what its score says, and its groups by their catalogue names."""

    title: str
    looks_at: str
    score: str
    groups: dict[str, GroupGuide]


GUIDES: dict[str, ComponentGuide] = {
    "c1": ComponentGuide(
        "Triple straddle",
        "The rolling straddles at the money and one strike either side of it: what a buyer of movement pays, minute by "
        "minute, and whether that price trends, stretches or stalls.",
        "High: premium expands on all three straddles. Low: it decays.",
        {
            "ema": GroupGuide("Trend of premium", "Is the price of movement rising or falling, and on which horizons?"),
            "vwap": GroupGuide(
                "Premium against what was paid",
                "Do those who traded the straddle today, yesterday or this week stand in profit or in loss?",
            ),
            "pivot": GroupGuide(
                "Premium among its levels",
                "Where does the straddle stand among yesterday's pivots, and the underlying in its pivot range?",
            ),
            "timeframe": GroupGuide(
                "Agreement of timeframes",
                "Do 3, 5, 10 and 15-minute readings say the same, how good is their data, and do the legs go together?",
            ),
        },
    ),
    "c2": ComponentGuide(
        "Greeks sentiment",
        "The Greeks of the options that are traded and held around the money, each leg weighed by volume and open "
        "interest.",
        "High: positions are laid out for a rise. Low: for a fall.",
        {
            "first_order": GroupGuide(
                "Delta, gamma, theta, vega",
                "How much direction, convexity, decay and volatility is held, on which side, and how does it move?",
            ),
            "second_order": GroupGuide(
                "Vanna, charm, volga",
                "How will hedges have to change when volatility moves or time passes, with the price standing still?",
            ),
            "dte": GroupGuide(
                "Greeks near expiry",
                "What does each Greek add once its weight follows the days to expiry, and is the price being pinned?",
            ),
            "sentiment": GroupGuide(
                "Levels of sentiment",
                "Which of seven levels holds, since when, how far is the next, and do volume and flow agree with it?",
            ),
        },
    ),
    "c3": ComponentGuide(
        "Open interest and price action",
        "Open interest, volume and price of the strikes around the money: where positions are opened as it moves.",
        "High: positions are opened for a rise. Low: for a fall.",
        {
            "cumulative": GroupGuide(
                "Speed and acceleration of the chain",
                "How fast do open interest, volume and price of calls and puts around the money grow or shrink?",
            ),
            "rolling": GroupGuide(
                "Build-up and unwinding",
                "Are longs or shorts being built or closed, does the put-call ratio turn, do positions follow price?",
            ),
            "institutional": GroupGuide(
                "Large flow, walls and maximum pain",
                "Is somebody large at work, which strikes hold most positions, and what would hurt most holders?",
            ),
            "divergence": GroupGuide(
                "Price against positions",
                "Do the last two swings of price and of net flow disagree, how strongly, and how long ago?",
            ),
        },
    ),
    "c4": ComponentGuide(
        "Implied-volatility skew",
        "The smile of the nearest expiry, its history at the same days to expiry, and the expiries behind it.",
        "From calm (0) to stressed (1): volatility high in its history, puts dear, term structure inverted.",
        {
            "dual_dte": GroupGuide(
                "Volatility against its own history",
                "Is volatility high for this distance to expiry, how does it move, and is it paid for by what happens?",
            ),
            "skew": GroupGuide("Shape of the smile", "What do wings and slopes of the smile say about fear of a side?"),
            "regime": GroupGuide(
                "Levels and patterns",
                "Which of seven levels holds, which of five shapes has the smile, and is either about to change?",
            ),
            "term": GroupGuide(
                "Term structure",
                "Is the stress expected now or later: contango, inversion, forward volatility between expiries?",
            ),
        },
    ),
    "c5": ComponentGuide(
        "Range, trend and pivots",
        "ATR, EMA and pivots of two assets: the underlying, and the ATM straddle as the price of its moves.",
        "High: premium falls while the underlying rises calmly. Low: premium expands while it falls.",
        {
            "dual_asset": GroupGuide(
                "Two assets compared",
                "Does the price of movement confirm the movement, lead it, or contradict it?",
            ),
            "atr": GroupGuide(
                "Range", "How wide are bars for this distance to expiry, do they squeeze or expand, and since when?"
            ),
            "ema": GroupGuide(
                "Trend from minutes to months", "How far is the price stretched from its averages, fast and slow?"
            ),
            "cpr": GroupGuide(
                "Pivots by five methods", "How near is the next level, which method has held best, is there room ahead?"
            ),
        },
    ),
    "c6": ComponentGuide(
        "Correlation",
        "Thirty series of the chain (prices, Greeks, sums over strikes, the smile) and how they move together.",
        "High: the market moves as one. Low: what belongs together has come apart.",
        {
            "matrix": GroupGuide(
                "Correlation matrices",
                "How many independent things go on: eigenvalues of 10, 18, 24 and 30 series, blocks, changes?",
            ),
            "breakdown": GroupGuide(
                "Breakdowns",
                "Has a relation that usually holds come apart, how deeply, and how unusual is the move?",
            ),
            "cross": GroupGuide(
                "Components and peers", "Do C1 to C5 agree with one another, and does the other index go along?"
            ),
            "graph": GroupGuide(
                "Graph of the chain", "Which series hold the market together, and does it fall into camps?"
            ),
        },
    ),
    "c7": ComponentGuide(
        "Support and resistance",
        "Levels of the underlying and of the straddle by five methods, where they coincide, and what becomes of them.",
        "High: levels have a say now: near, strong and confirmed. Low: the price stands in the open.",
        {
            "detection": GroupGuide("Levels", "Where are the next levels above and below, and by which method?"),
            "confluence": GroupGuide(
                "Confluence", "Do several methods, timeframes and both assets point at the same place?"
            ),
            "strength": GroupGuide("Strength", "How often was the level touched, did it hold, and how old is it?"),
            "breakout": GroupGuide(
                "Breakout", "With which chance does the level break, and how good were such chances so far?"
            ),
        },
    ),
    "c8": ComponentGuide(
        "Master integration",
        "The scores of the seven components under the weights in force, read as eight regimes.",
        "That of the seven components, by their shares in the weights in force.",
        {
            "regime": GroupGuide(
                "Eight regimes", "Which regime fits the scores, by how much, and is it about to give way to another?"
            ),
            "dte": GroupGuide(
                "Weights in force", "Which components speak at this distance to expiry, and what does each add?"
            ),
            "structure": GroupGuide(
                "Change of structure", "Has the pattern of the seven scores itself changed against the session before?"
            ),
            "integration": GroupGuide(
                "Together", "What do the seven say as one, how sure are they, and which say more together than alone?"
            ),
        },
    ),
}
"""By component; a test holds them to the catalogue."""


def by_group(entry: ComponentEntry) -> dict[str, tuple[FeatureSpec, ...]]:
    """The features of a component by group, both in the order of the catalogue."""
    names = dict.fromkeys(spec.group for spec in entry.features)
    return {name: tuple(spec for spec in entry.features if spec.group == name) for name in names}
