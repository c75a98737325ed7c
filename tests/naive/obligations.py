"""A duty to quote, second by second: who was open, who was quoted, and whether a plan for the rest of the period meets it."""

from fractions import Fraction


def replay(seconds, n, changes, *, duty=None, stopped=()):
    """Series-seconds open and quoted, and for each second how many were quoted.

    `changes` maps a second to {row: legal}, as of its start; `duty` maps a second to the set of rows in duty from then on;
    in the seconds of `stopped` the clock stands still.
    """
    legal, in_duty = set(), set(range(n))
    opened, quoted, counts = 0, 0, []
    for second in range(seconds):
        if duty and second in duty:
            in_duty = duty[second]
            legal &= in_duty
        for row, now in changes.get(second, {}).items():
            if now and row in in_duty:
                legal.add(row)
            else:
                legal.discard(row)
        if second in stopped:
            continue
        opened += len(in_duty)
        quoted += len(legal)
        counts.append(len(legal))
    return opened, quoted, counts


def pooled_holds(opened, quoted, share, *, n, left, off_rows, off_seconds):
    """Whether the duty is met if `off_rows` of n series are off for `off_seconds`, and all is quoted in what is left."""
    for second in range(left):
        opened += n
        quoted += n - (off_rows if second < off_seconds else 0)
    return quoted >= Fraction(str(share)) * opened


def breadth_holds(counts, needed, share, *, left, off_seconds):
    """The same for a duty of breadth: everything is off for `off_seconds`, enough is quoted in what is left."""
    good = sum(count >= needed for count in counts) + max(left - off_seconds, 0)
    return good >= Fraction(str(share)) * (len(counts) + left)
