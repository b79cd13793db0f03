"""Parcels: the fewest that hold all articles, found by trying every way."""


def parcels(grams: list[int], limit: int) -> int:
    """Say how many parcels of at most `limit` grams are needed."""
    best = len(grams)

    def place(rest: list[int], loads: list[int]) -> None:
        nonlocal best
        if not rest:
            best = min(best, len(loads))
            return
        item, later = rest[0], rest[1:]
        for index, load in enumerate(loads):
            if load + item <= limit:
                place(later, loads[:index] + [load + item] + loads[index + 1 :])
        place(later, [*loads, item])

    place(grams, [])
    return best
