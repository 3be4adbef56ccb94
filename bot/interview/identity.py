"""Who somebody is, so that nobody is counted twice.

A contact has addresses: a phone, a WhatsApp user id (BSUID), a parent id. Only what the provider
itself asserts, by naming them in one webhook or status callback, joins addresses; a link or a
roster row never does. The rules are those of `docs/architecture.md`, "Identity".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from math import inf

from sqlalchemy import Connection

from bot.channels.base import Address
from bot.flow.state import State, Status
from bot.interview import answered, claims
from bot.interview.installation import Installation
from bot.interview.states import unseal
from storage.queries import consents, counts, outbox
from storage.queries import people as queries
from storage.queries.people import AddressRow, ConversationRow


@dataclass(frozen=True, slots=True)
class Person:
    """A contact and the ids of the addresses by which it was just met."""

    contact_id: int
    addresses: Mapping[Address, int]


def digest(installation: Installation, address: Address) -> bytes:
    """Return the look-up digest of an address."""
    return installation.keys.digest("address", address.value)


def find(
    connection: Connection, installation: Installation, addresses: Sequence[Address]
) -> int | None:
    """Return the contact that has one of these addresses, or None."""
    rows = queries.addresses(connection, [digest(installation, one) for one in addresses])
    return rows[0].contact_id if rows else None


def person(
    connection: Connection, installation: Installation, addresses: Sequence[Address]
) -> Person:
    """Find, create, extend or merge the contact that these addresses assert, and return it.

    Look-ups lock in the order of the digests, so that two webhooks about the same people cannot
    wait for each other; a lost insert race shows as an IntegrityError and the turn runs again.
    """
    digests = {one: digest(installation, one) for one in addresses}
    rows = {
        row.hmac: row for row in queries.addresses(connection, sorted(digests.values()), lock=True)
    }
    known = {one: rows[mac] for one, mac in digests.items() if mac in rows}
    owners = {row.contact_id for row in known.values()}
    if len(owners) == 1 and len(known) == len(addresses):
        return Person(owners.pop(), {one: row.id for one, row in known.items()})
    contact_id = _settle(connection, installation, addresses, known, digests)
    ids = {one: row.id for one, row in known.items()}
    fresh = [one for one in addresses if one not in known]
    key = installation.keys.installation(connection)
    for one in fresh:
        ids[one] = queries.add_address(
            connection, contact_id, one.kind, digests[one], key.seal(one.value, "address"), key.id
        )
    if fresh and len(ids) > 1:
        spread_opt_outs(connection, contact_id)
        claims.catch_up(connection, contact_id)
        if known:
            answered.catch_up(connection, installation, contact_id)
    return Person(contact_id, ids)


def _settle(
    connection: Connection,
    installation: Installation,
    addresses: Sequence[Address],
    known: Mapping[Address, AddressRow],
    digests: Mapping[Address, bytes],
) -> int:
    """Decide which contact these addresses belong to, moving and merging as needed."""
    phone = next((one for one in addresses if one.kind == "phone"), None)
    by_phone = known[phone].contact_id if phone is not None and phone in known else None
    by_id = [known[one].contact_id for one in addresses if one in known and one.kind != "phone"]
    kept = by_id[0] if by_id else None
    for other in dict.fromkeys(by_id[1:]):
        if other != kept:
            assert kept is not None
            merge(connection, installation, kept, other)
            by_phone = kept if by_phone == other else by_phone
    if by_phone is None:
        return kept if kept is not None else queries.create_contact(connection)
    if by_phone == kept:
        return by_phone
    if _has_another_id(connection, by_phone, addresses, digests):
        # The operator gave the number to somebody else: WhatsApp ids change with the number.
        if kept is None:
            kept = queries.create_contact(connection)
            consents.add_basis(connection, kept, "wrote_first", installation.now().date())
        assert phone is not None
        queries.move_addresses(connection, kept, [known[phone].id])
        # What waits for the person who had the number is not for the one who has it now.
        outbox.drop_queued(connection, address_id=known[phone].id)
        return kept
    if kept is None:
        return by_phone
    first, second = sorted((kept, by_phone))
    merge(connection, installation, first, second)
    return first


def _has_another_id(
    connection: Connection,
    contact_id: int,
    addresses: Sequence[Address],
    digests: Mapping[Address, bytes],
) -> bool:
    """Whether a contact already has a user id of the same kind that is not the one asserted."""
    asserted = {one.kind: digests[one] for one in addresses if one.kind != "phone"}
    return any(
        row.kind in asserted and row.hmac != asserted[row.kind]
        for row in queries.addresses_of(connection, [contact_id])
        if row.kind != "phone"
    ) and not any(
        row.hmac in asserted.values() for row in queries.addresses_of(connection, [contact_id])
    )


def merge(connection: Connection, installation: Installation, kept: int, gone: int) -> None:
    """Make one contact of two: addresses, conversations, posts and opt-outs."""
    queries.lock_contacts(connection, [kept, gone])
    active = [queries.active_conversation(connection, one) for one in (kept, gone)]
    survivors = _merge_conversations(connection, installation, kept, gone)
    moved = [row.id for row in queries.addresses_of(connection, [gone])]
    queries.move_addresses(connection, kept, moved)
    queries.move_coordinator_posts(connection, gone, kept)
    consents.move_bases(connection, gone, kept)
    if queries.language(connection, kept) is None:
        language = queries.language(connection, gone)
        if language is not None:
            queries.set_language(connection, kept, language)
    still = [one for one in active if one in survivors] or sorted(survivors)[-1:]
    queries.set_active(connection, kept, still[0] if still else None)
    spread_opt_outs(connection, kept)
    queries.delete_contact(connection, gone)
    claims.catch_up(connection, kept)
    answered.catch_up(connection, installation, kept)


def _merge_conversations(
    connection: Connection, installation: Installation, kept: int, gone: int
) -> set[int]:
    """Leave one conversation per survey and scope, and per unit, with `kept`; return their ids."""
    rows = queries.conversations_of(connection, [kept, gone])
    rows.sort(key=lambda row: _rank(connection, installation, row), reverse=True)
    winners: list[ConversationRow] = []
    for row in rows:
        winner = next((one for one in winners if _one_interview(one, row)), None)
        if winner is None:
            winners.append(row)
        else:
            _give_way(connection, row, winner)
    for row in winners:
        queries.give_conversation(connection, row.id, kept)
    return {row.id for row in winners}


def _one_interview(one: ConversationRow, other: ConversationRow) -> bool:
    """Whether nobody may have both of two conversations."""
    same = one.scope == other.scope or one.unit_id == other.unit_id
    return one.survey_id == other.survey_id and same


def _give_way(connection: Connection, row: ConversationRow, winner: ConversationRow) -> None:
    """Take a conversation out for a better one of the same person, which gets its roster row."""
    claimed = queries.roster_claim(connection, row.id)
    if claimed is not None and queries.roster_claim(connection, winner.id) is None:
        queries.claim_roster_row(connection, claimed, None)
        queries.claim_roster_row(connection, claimed, winner.id)
    elif claimed is not None:
        queries.retire_roster_row(connection, claimed)
    if row.mixed:
        # Its answers cannot be taken out again: it is counted as a known duplicate.
        queries.give_conversation(connection, row.id, None)
        counts.add(connection, row.survey_id, row.unit_id, row.grp, known_duplicates=1)
    else:
        queries.delete_conversation(connection, row.id)


# A mixed one stays whatever comes: its answers cannot be taken out again. Finished beats open; of
# two open ones the one with more answers stays, of two finished ones the first; a pilot
# loses to all.
_MIXED, _PILOT = 6, -1
_ORDER = {
    Status.FINISHED: 5,
    Status.SCREENED_OUT: 4,
    Status.ASKING: 3,
    Status.CONSENT: 3,
    Status.LANGUAGE: 3,
    Status.DECLINED: 2,
    Status.WRONG_PERSON: 2,
    Status.STOPPED: 2,
    Status.INVITED: 1,
    Status.CLOSED: 0,
}


def _rank(
    connection: Connection, installation: Installation, row: ConversationRow
) -> tuple[int, int, float, int]:
    """Return how good a conversation is; the greatest stays. A lower id is better than a higher."""
    status = Status(row.status)
    if row.pilot or row.mixed:
        return _PILOT if row.pilot else _MIXED, 0, 0.0, -row.id
    if row.sealed is None or row.key_id is None or status is Status.INVITED:
        return _ORDER[status], 0, 0.0, -row.id
    key = installation.keys.by_id(connection, row.key_id)
    state = unseal(key, row.id, row.sealed)
    if status is Status.FINISHED or state.earlier is not None:
        # Opened again, or stopped after that, it is still the interview that was finished.
        return _ORDER[Status.FINISHED], 0, -_finished_at(row, state), -row.id
    return _ORDER[status], len(state.answers), 0.0, -row.id


def _finished_at(row: ConversationRow, state: State) -> float:
    """Return when an interview was first finished, as a timestamp."""
    if state.finished_at is not None:
        return state.finished_at.timestamp()
    # Older states do not say it: at the latest at the last turn, and before the wait for mixing.
    known = (state.last_turn_at, row.mix_at)
    return min((at.timestamp() for at in known if at is not None), default=inf)


def spread_opt_outs(connection: Connection, contact_id: int) -> None:
    """Let an opt-out of one address hold for all addresses of the person, from the earliest day."""
    macs = [row.hmac for row in queries.addresses_of(connection, [contact_id])]
    found = queries.opt_outs(connection, macs)
    for purpose in {one[1] for one in found}:
        since = min(one[2] for one in found if one[1] == purpose)
        queries.drop_opt_outs(connection, macs, purpose)
        for mac in macs:
            queries.add_opt_out(connection, mac, purpose, since)


def address_of(connection: Connection, installation: Installation, address_id: int) -> Address:
    """Open a stored address. Raises KeyDestroyed, LookupError."""
    row = queries.address(connection, address_id)
    if row is None:
        raise LookupError("that address is gone")
    return open_address(connection, installation, row)


def contact_of(connection: Connection, address_id: int) -> int | None:
    """Return whose address this is now, or None when it is gone."""
    row = queries.address(connection, address_id)
    return row.contact_id if row else None


def open_address(connection: Connection, installation: Installation, row: AddressRow) -> Address:
    """Open a stored address row."""
    key = installation.keys.by_id(connection, row.key_id)
    return Address(row.kind, key.open(row.sealed, "address"))  # type: ignore[arg-type]


def opted_out(
    connection: Connection, installation: Installation, contact_id: int, purpose: str = "respondent"
) -> bool:
    """Return whether any address of this contact must not be contacted."""
    macs = [row.hmac for row in queries.addresses_of(connection, [contact_id])]
    return bool(macs) and queries.opted_out(connection, macs, purpose)


def digest_opted_out(connection: Connection, mac: bytes) -> bool:
    """Return whether an address that belongs to nobody we know must not be contacted."""
    return queries.opted_out(connection, [mac], "respondent")


def opt_out(
    connection: Connection, installation: Installation, contact_id: int, purpose: str = "respondent"
) -> None:
    """Never contact this person again for this purpose, by any address."""
    today = installation.now().astimezone(UTC).date()
    for row in queries.addresses_of(connection, [contact_id]):
        queries.add_opt_out(connection, row.hmac, purpose, today)


def opt_in(
    connection: Connection, installation: Installation, contact_id: int, purpose: str = "respondent"
) -> None:
    """Take an opt-out back for all addresses of this person."""
    macs = [row.hmac for row in queries.addresses_of(connection, [contact_id])]
    queries.drop_opt_outs(connection, macs, purpose)


def best_address(
    connection: Connection, contact_id: int, sender: str | None = None
) -> AddressRow | None:
    """Return the address to write to first: the one last heard of, else phone before user id."""
    rows = queries.addresses_of(connection, [contact_id])
    if not rows:
        return None
    heard = queries.windows(connection, [row.id for row in rows])
    order = {"phone": 2, "bsuid": 1, "parent_bsuid": 0}

    def rank(row: AddressRow) -> tuple[float, int, int]:
        times = [
            at.timestamp()
            for (address_id, by), at in heard.items()
            if address_id == row.id and sender in (None, by)
        ]
        return max(times, default=0.0), order[row.kind], -row.id

    return max(rows, key=rank)
