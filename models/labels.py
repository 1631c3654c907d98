"""The labels of the two tasks that ship, in the order in which they are learnt, stored and shown."""

from __future__ import annotations

SENTIMENT_LABELS = ("negative", "neutral", "positive")

TOPIC_LABELS = (
    "Analyst Update", "Company | Product News", "Currencies", "Dividend", "Earnings", "Energy | Oil",
    "Fed | Central Banks", "Financials", "General News | Opinion", "Gold | Metals | Materials", "IPO",
    "Legal | Regulation", "M&A | Investments", "Macro", "Markets", "Personnel Change", "Politics",
    "Stock Commentary", "Stock Movement", "Treasuries | Corporate Debt",
)  # fmt: skip
