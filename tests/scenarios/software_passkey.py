"""An authenticator in software: it makes passkeys and signs challenges as the standard says, or not."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

ORIGIN, RP_ID = "https://d.test", "d.test"
_PRESENT, _VERIFIED, _NEW = 0x01, 0x04, 0x40


@dataclass
class SoftwarePasskey:
    """One passkey. `count` is what it says next; one that does not count says 0 always."""

    origin: str = ORIGIN
    rp_id: str = RP_ID
    verified: bool = True
    count: int = 0
    counts: bool = True
    user_handle: str = ""
    name: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def credential_id(self) -> str:
        return bytes_to_base64url(self.name)

    def make(self, options: str) -> str:
        """The answer to a request for a new passkey."""
        request = json.loads(options)
        self.user_handle = request["user"]["id"]
        public = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")}
        named = bytes(16) + len(self.name).to_bytes(2, "big") + self.name + cbor2.dumps(cose)
        data = self._data(_NEW) + named
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            {
                "clientDataJSON": bytes_to_base64url(self._client("webauthn.create", request["challenge"])),
                "attestationObject": bytes_to_base64url(attestation),
                "transports": ["internal", "internal", "by-pigeon"],
            }
        )

    def sign(self, options: str) -> str:
        """The answer to a challenge."""
        self.count += 1 if self.counts else 0
        client, data = self._client("webauthn.get", json.loads(options)["challenge"]), self._data()
        signed = self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        answer = {
            "clientDataJSON": bytes_to_base64url(client),
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(signed),
        }
        return self._answer(answer | ({"userHandle": self.user_handle} if self.user_handle else {}))

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _data(self, flags: int = 0) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.verified else 0)
        return sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _answer(self, response: Mapping[str, object]) -> str:
        named = self.credential_id
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": response})
