"""Public holidays and cuti bersama of a campaign's days, by hand and not out of a package."""

from __future__ import annotations

from datetime import date

FREE_DAYS = frozenset(
    {
        date(2026, 12, 21),  # a local day, in `add`
        date(2026, 12, 24),  # cuti bersama Natal
        date(2026, 12, 25),
        date(2027, 1, 1),
        date(2027, 1, 5),  # Isra Mikraj
        date(2027, 2, 5),  # cuti bersama Imlek
        date(2027, 2, 6),
    }
)
