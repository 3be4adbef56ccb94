"""Keys: one secret outside the database, everything else derived from it or wrapped by it.

HKDF-SHA256 (RFC 5869) gives one key per purpose. The look-up pepper never rotates, because what it
made must stay findable; data keys are random, stored wrapped (AES-256-GCM) and can be destroyed:
what a destroyed key sealed is gone, and from backups too, if none keeps an older `data_key` table
together with the secret (docs/deployment.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12
CHECK = b"tautan"
_TO_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class WrongSecret(Exception):
    """The secret is not the one that this database was made with."""


class KeyDestroyed(Exception):
    """What should be opened was sealed under a key that has been destroyed on purpose."""


class Secret:
    """The installation's one secret and what is derived from it."""

    def __init__(self, text: str) -> None:
        material = text.strip().encode()
        if len(material) < 32:
            raise ValueError("the secret must have at least 32 characters")
        self._pepper = self._derive(material, b"look-up")
        self._wrap = AESGCM(self._derive(material, b"wrap"))

    @staticmethod
    def _derive(material: bytes, purpose: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=b"tautan/1/" + purpose).derive(material)

    @staticmethod
    def fresh() -> str:
        """Return a new secret, 256 bits in URL-safe letters."""
        return secrets.token_urlsafe(32)

    def digest(self, purpose: str, value: str) -> bytes:
        """Return the keyed HMAC-SHA256 of a value; equal values meet only within one purpose."""
        return hmac.digest(self._pepper, f"{purpose}\0{value}".encode(), hashlib.sha256)

    def wrap(self, key: bytes, scope: str) -> bytes:
        """Seal a data key for storage; the scope is bound to it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._wrap.encrypt(nonce, key, scope.encode())

    def unwrap(self, wrapped: bytes, scope: str) -> bytes:
        """Open a stored data key. Raises WrongSecret."""
        try:
            return self._wrap.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], scope.encode())
        except InvalidTag as error:
            raise WrongSecret(
                "the secret does not fit this database: set TAUTAN_SECRET_KEY (or put back"
                " tautan.key) as it was when the database was made"
            ) from error


@dataclass(frozen=True, slots=True)
class DataKey:
    """An opened data key with its row's id. `place` binds a text to where it is stored."""

    id: int
    material: bytes = field(repr=False)
    cipher: AESGCM = field(repr=False)

    @classmethod
    def of(cls, key_id: int, material: bytes) -> DataKey:
        """Return the key made of 32 bytes."""
        return cls(key_id, material, AESGCM(material))

    def digest(self, value: str) -> bytes:
        """Return a keyed HMAC-SHA256 that nobody can make again once the key is destroyed."""
        return hmac.digest(self.material, b"digest\0" + value.encode(), hashlib.sha256)

    def seal(self, plain: str | bytes, place: str) -> bytes:
        """Encrypt a text for one place ("address", "outbox:<id>"); nonce first."""
        nonce = os.urandom(_NONCE)
        data = plain.encode() if isinstance(plain, str) else plain
        return nonce + self.cipher.encrypt(nonce, data, place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """Decrypt what `seal` made for the same place. Raises WrongSecret when it was not."""
        return self.open_bytes(sealed, place).decode()

    def open_bytes(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what `seal` made of bytes. Raises WrongSecret when it did not, for this place."""
        try:
            return self.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except InvalidTag as error:
            raise WrongSecret(
                f"a stored {place.split(':', maxsplit=1)[0]} cannot be opened"
            ) from error

    def seal_json(self, value: object, place: str) -> bytes:
        """Encrypt a JSON value."""
        return self.seal(_TO_JSON(value), place)
