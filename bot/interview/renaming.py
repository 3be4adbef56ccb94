"""Somebody's addresses have changed, and the provider says so.

That is another thing than a phone that comes with a new user id, which is a recycled number: here
the person is the same, and nobody is to be counted twice for having changed a number. What waits
for the old address goes to the new one, and whoever asked not to be contacted is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from bot.channels.base import Address, Renamed
from bot.interview import answered, identity
from bot.interview.installation import Installation
from storage.queries import outbox
from storage.queries import people as queries
from storage.queries.people import AddressRow


def rename(installation: Installation, event: Renamed) -> bool:
    """Take in that addresses have changed; return whether it concerns anybody we know.

    Of people we do not know nothing is kept, except that opt-outs and "has answered and was erased"
    hold for the new addresses too. Taken in twice, it changes nothing more.
    """
    return installation.database.write(lambda connection: _rename(connection, installation, event))


def _rename(connection: Connection, installation: Installation, event: Renamed) -> bool:
    digests = {one: identity.digest(installation, one) for one in (*event.old, *event.new)}
    rows = {
        row.hmac: row for row in queries.addresses(connection, sorted(digests.values()), lock=True)
    }
    known = {one: rows[mac] for one, mac in digests.items() if mac in rows}
    replaced = [(old, new) for old in event.old for new in event.new if old.kind == new.kind]
    for old, new in replaced:
        _carry(connection, installation, digests[old], digests[new])
    owner = _owner(event.old, known)
    if owner is None:
        return False
    for one in event.new:
        if one in known and known[one].contact_id != owner:
            owner = _take_over(connection, installation, owner, known[one], digests)
    ids = _have_all(connection, installation, owner, event.new, known, digests)
    identity.spread_opt_outs(connection, owner)
    answered.catch_up(connection, installation, owner)
    for one in event.new:
        for row in queries.addresses_of(connection, [owner]):
            # A user id has one value at a time; of phones only the one that was named has gone.
            gone = one.kind != "phone" or row.hmac in [digests[old] for old in event.old]
            if row.kind == one.kind and row.id != ids[one] and gone:
                queries.fold_address(connection, row.id, ids[one])
    return True


def _owner(old: Sequence[Address], known: Mapping[Address, AddressRow]) -> int | None:
    """Return whose addresses these were; a user id is nobody else's, a phone may be by now."""
    found = [known[one] for one in old if one in known]
    found.sort(key=lambda row: row.kind == "phone")
    return found[0].contact_id if found else None


def _take_over(
    connection: Connection,
    installation: Installation,
    owner: int,
    row: AddressRow,
    digests: Mapping[Address, bytes],
) -> int:
    """Give a new address that another contact has to its owner; return who the owner is then."""
    others = queries.addresses_of(connection, [row.contact_id])
    if row.kind == "phone" and any(
        one.kind != "phone" and one.hmac not in digests.values() for one in others
    ):
        # Whoever had the number before has a user id of their own: it was given to somebody new.
        queries.move_addresses(connection, owner, [row.id])
        outbox.drop_queued(connection, address_id=row.id)
        return owner
    if row.contact_id not in {one.contact_id for one in others}:
        return owner  # merged a moment ago, over another of the addresses
    first, second = sorted((owner, row.contact_id))
    identity.merge(connection, installation, first, second)
    return first


def _have_all(
    connection: Connection,
    installation: Installation,
    owner: int,
    new: Sequence[Address],
    known: Mapping[Address, AddressRow],
    digests: Mapping[Address, bytes],
) -> dict[Address, int]:
    """Store what is not known yet of the new addresses; return the ids of all."""
    key = installation.keys.installation(connection)
    return {
        one: known[one].id
        if one in known
        else queries.add_address(
            connection, owner, one.kind, digests[one], key.seal(one.value, "address"), key.id
        )
        for one in new
    }


def _carry(connection: Connection, installation: Installation, old: bytes, new: bytes) -> None:
    """Let what is remembered of an address, known person or not, hold for the one in its place."""
    for _, purpose, since in queries.opt_outs(connection, [old]):
        queries.add_opt_out(connection, new, purpose, since)
    answered.carry(connection, installation, old, new)
