"""Makes `vectors-more.json`: test vectors for the presets that `vectors.json` has none for.

Each provider is one class. Its `sign` is written from the provider's documented recipe and shares
nothing with the crate: no scheme record is read here, so that a mistake in a record shows. What a
provider leaves open is answered by the rules that the vectors of `vectors.json` follow too; such a
vector says `"basis": "rule"`.

    python3 make_vectors.py          writes the file beside this script
    python3 make_vectors.py --check  writes nothing, and exits with 1 if the file differs

Needs Python 3.10 or later and the package `cryptography`. Every run gives the same bytes: there is
no clock here, and chance is a hash of a fixed seed. All secrets and keys are throw-away.
"""

import argparse
import base64
import hashlib
import hmac
import json
import string
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import PublicFormat

FILE = Path(__file__).with_name("vectors-more.json")
SEED = "postback vectors 1"

NOW = 1_790_000_000
"""The clock of every vector: 2026-09-21T14:13:20Z."""

TOLERANCE = 300
"""Configured where a provider names no tolerance and a vector needs one."""

# The codes that most refusals have.
MISSING = "missing_signature"
MALFORMED = "malformed_signature"
MISMATCH = "signature_mismatch"
DUPLICATE = "duplicate_header"

PROVIDER, RULE = "provider", "rule"
"""Who says what becomes of a request."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

HASHLIB = "independent Python implementation of the documented recipe (hashlib/hmac)"
CREDENTIAL = "no signature: static credential placed in the documented header"
RSA = (
    "independent Python implementation "
    "(cryptography RSA PKCS#1 v1.5 / SHA-256, throw-away test key)"
)

Header = tuple[str, str]
Identity = tuple[str | None, str | None]
"""Event id and event type, each nothing if it cannot be read."""
Spell = Callable[[bytes], str]


# ---- chance


class Fresh:
    """A stream of made-up values, the same on every run."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._count = 0

    def bytes(self, length: int) -> bytes:
        self._count += 1
        name = f"{SEED}/{self._purpose}/{self._count}"
        return hashlib.shake_256(name.encode()).digest(length)

    def text(self, length: int) -> str:
        alphabet = string.ascii_letters + string.digits
        return "".join(alphabet[byte % len(alphabet)] for byte in self.bytes(length))

    def number(self, digits: int) -> int:
        lowest = 10 ** (digits - 1)
        return lowest + int.from_bytes(self.bytes(16), "big") % (9 * lowest)

    def pick(self, options: list[str]) -> str:
        return options[self.bytes(1)[0] % len(options)]


PLAIN_NOTES = [
    "plan pro, yearly",
    "Order 1042 / blue shirt",
    'a "quoted" \\ slash / text',
    "x=1&y=2;z=3,w=4",
]
FOREIGN_NOTES = [
    "Zürich 💸 naïve \u2028 sep",
    "Ação: R$ 10,00 — ‘aspas’ \u00a0 fim",
    "Café Ñandú – 支払い ☕🚀",
    "привет, мир — עברית",
]


# ---- bytes and texts


def joined(*pieces: str | bytes) -> bytes:
    """The pieces one after another, texts as UTF-8."""
    return b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)


def hmac_sha256(key: str | bytes, *pieces: str | bytes) -> bytes:
    return hmac.digest(joined(key), joined(*pieces), "sha256")


def hmac_sha512(key: str | bytes, *pieces: str | bytes) -> bytes:
    return hmac.digest(joined(key), joined(*pieces), "sha512")


def hmac_sha1(key: str | bytes, *pieces: str | bytes) -> bytes:
    return hmac.digest(joined(key), joined(*pieces), "sha1")


def to_hex(tag: bytes) -> str:
    return tag.hex()


def to_upper_hex(tag: bytes) -> str:
    return tag.hex().upper()


def to_base64(tag: bytes) -> str:
    return base64.b64encode(tag).decode()


def to_url_safe_base64(tag: bytes) -> str:
    text = base64.urlsafe_b64encode(tag).decode()
    assert set(text) & set("-_"), "no character that tells the alphabets apart"
    return text


@dataclass(frozen=True)
class Spelling:
    """How a provider writes a signature, and what a wrong way to write it comes to."""

    write: Spell
    wrong: Spell
    wrong_code: str
    variant: Spell
    variant_name: str
    variant_code: str | None
    not_it: str


HEX = Spelling(
    write=to_hex,
    wrong=to_base64,
    wrong_code=MALFORMED,
    variant=to_upper_hex,
    variant_name="signature in upper-case hexadecimal digits",
    variant_code=None,
    not_it="not-a-signature",
)
UPPER_HEX = replace(
    HEX,
    write=to_upper_hex,
    variant=to_hex,
    variant_name="signature in lower-case hexadecimal digits",
)
# Hexadecimal digits are characters of base64 as well: they decode, to other bytes.
BASE64 = Spelling(
    write=to_base64,
    wrong=to_hex,
    wrong_code=MISMATCH,
    variant=lambda tag: to_base64(tag).rstrip("="),
    variant_name="padding of the signature left off",
    variant_code=MALFORMED,
    not_it="%%%",
)
RSA_BASE64 = replace(BASE64, wrong=to_url_safe_base64, wrong_code=MALFORMED)


def swapped(text: bytes, old: str, new: str | bytes) -> bytes:
    """The text with its only occurrence of `old` replaced."""
    assert text.count(old.encode()) == 1, f"{old!r} is not once in {text!r}"
    return text.replace(old.encode(), joined(new))


def with_last_digit_changed(text: bytes) -> bytes:
    """Another text of the same length and form."""
    position = max(index for index, byte in enumerate(text) if byte in b"0123456789")
    digit = b"1234567890"[text[position] - ord("0")]
    return text[:position] + bytes([digit]) + text[position + 1 :]


def literals(body: bytes) -> object:
    """A JSON document whose numbers are the texts that stand for them in the body."""
    return json.loads(body.decode(), parse_int=str, parse_float=str)


def as_text(value: object) -> str | None:
    """A value as text: strings as they are, and nothing for null, lists and objects."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def at(document: object, pointer: str) -> str | None:
    """The text at a place such as `/data/0/id`."""
    for token in pointer.removeprefix("/").split("/"):
        if isinstance(document, list) and token.isdecimal() and int(token) < len(document):
            document = document[int(token)]
        elif isinstance(document, dict):
            document = document.get(token)
        else:
            return None
    return as_text(document)


def together(*pieces: str | None) -> str | None:
    """One text of all the pieces, and nothing if one is absent or empty."""
    return "".join(filter(None, pieces)) if all(pieces) else None


# ---- requests


@dataclass(frozen=True)
class Request:
    """A request as it arrives."""

    url: str
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for known, value in self.headers if known.lower() == name.lower()]
        return values[0].strip(" \t") if len(values) == 1 else None

    def json(self, pointer: str) -> str | None:
        try:
            return at(literals(self.body), pointer)
        except ValueError:
            return None

    def form(self, name: str) -> str | None:
        pairs = [pair.partition(b"=") for pair in self.body.replace(b"+", b" ").split(b"&")]
        values = [value for key, _, value in pairs if unquote_to_bytes(key) == name.encode()]
        try:
            return unquote_to_bytes(values[0]).decode() if len(values) == 1 else None
        except UnicodeDecodeError:
            return None

    def with_body(self, body: bytes) -> "Request":
        return replace(self, body=body)

    def without(self, name: str) -> "Request":
        kept = tuple(header for header in self.headers if header[0] != name)
        assert len(kept) < len(self.headers), f"no header {name}"
        return replace(self, headers=kept)

    def edited(self, name: str, edit: Callable[[str], str]) -> "Request":
        assert any(known == name for known, _ in self.headers), f"no header {name}"
        edited = ((known, edit(value) if known == name else value) for known, value in self.headers)
        return replace(self, headers=tuple(edited))

    def with_value(self, name: str, value: str) -> "Request":
        return self.edited(name, lambda _: value)

    def with_line_before(self, name: str, value: str) -> "Request":
        """The header a second time, with another value in front of the one that is there."""
        position = [known for known, _ in self.headers].index(name)
        before, after = self.headers[:position], self.headers[position:]
        return replace(self, headers=(*before, (name, value), *after))

    def with_names_in_another_case(self) -> "Request":
        return replace(
            self, headers=tuple((name.swapcase(), value) for name, value in self.headers)
        )


@dataclass(frozen=True)
class Event:
    """What a provider is about to send: everything but the signature."""

    id: str
    stamp: str
    path: str
    content_type: str
    headers: tuple[Header, ...]
    body: bytes

    def request(self, *signed: Header, query: str = "") -> Request:
        url = f"https://hooks.example.test/in/{self.path}{query}"
        common = (("Content-Type", self.content_type), ("User-Agent", "provider-sim/1"))
        return Request(url, (*common, *self.headers, *signed), self.body)


@dataclass(frozen=True)
class Case:
    """A request and what is to become of it: accepted, or refused with a code."""

    description: str
    request: Request
    code: str | None
    reason: str
    basis: str
    secrets: tuple[str, ...]
    config: dict[str, str]
    tolerance: int | None


@dataclass(frozen=True)
class Clock:
    """Where a readable timestamp stands, and its unit."""

    millis: bool = False
    header: str | None = None

    def stamp(self, seconds_from_now: int) -> str:
        return f"{NOW + seconds_from_now}{'000' if self.millis else ''}"


@dataclass(frozen=True)
class Elements:
    """How a signature header of `key=value` elements is laid out."""

    time: str
    tag: str
    separator: str = ","


# ---- a provider


class Provider:
    """What all providers have in common; a subclass says what is its own."""

    preset: str
    header: str
    spelling = HEX
    tolerance: int | None = None
    clock: Clock | None = None
    elements: Elements | None = None
    config: dict[str, str] = {}
    content_type = JSON
    produced_by = HASHLIB
    another_secret = "made with another secret"

    def __init__(self) -> None:
        self.fresh = Fresh(self.preset)
        self.secret = self.make_secret()
        self.other = self.make_secret()
        self.base = self.event()
        self.good = self.signed(self.base)

    # What a provider is: subclasses override these.

    def make_secret(self) -> str:
        return self.fresh.text(32)

    def document(self, note: str) -> dict:
        """The event as the provider's JSON, with a note of the merchant in some text."""
        raise NotImplementedError

    def own_headers(self) -> tuple[Header, ...]:
        """Headers that come with an event beside those that `sign` adds."""
        return ()

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        """The documented recipe."""
        raise NotImplementedError

    def identity(self, request: Request) -> Identity:
        """Event id and event type, each nothing if it cannot be read."""
        raise NotImplementedError

    def own_cases(self) -> Iterator[Case]:
        """What no other provider has."""
        yield from ()

    def cases(self) -> Iterator[Case]:
        yield from body_cases(self)
        yield from secret_cases(self)
        yield from place_cases(self)
        if self.clock:
            yield from clock_cases(self)
        else:
            yield from strictness_cases(self)
        if self.elements:
            yield from element_cases(self)
        yield from self.own_cases()

    # The bodies. Providers that send forms write them in another way.

    def encoded(self, document: dict) -> bytes:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def oddly_encoded(self, document: dict) -> bytes:
        """As no re-serialiser would write it."""
        return (json.dumps(document, indent=2).replace("/", "\\/") + "\n").encode()

    def encoded_again(self, body: bytes) -> bytes:
        """The same document, spelled otherwise."""
        return json.dumps(json.loads(body), ensure_ascii=False, indent=1).encode()

    def broken_body(self) -> bytes:
        """A body that is no UTF-8 and has neither id nor type."""
        name = self.fresh.text(20)
        return joined('{"id":"nb_', name, '","note":"', b"\xff\xfe\xe9\x80\xc0", '"}')

    odd_body = "body with whitespace or \\u escapes that a JSON re-serialiser would change"
    same_body = "same JSON, different whitespace than was signed"

    # Events and requests.

    def plain_note(self) -> str:
        return f"{self.fresh.pick(PLAIN_NOTES)} n{self.fresh.text(6)}"

    def foreign_note(self) -> str:
        return f"{self.fresh.pick(FOREIGN_NOTES)} n{self.fresh.text(6)}"

    def event(self, body: bytes | None = None, stamp: str | None = None) -> Event:
        return Event(
            id=f"msg_{self.fresh.text(20)}",
            stamp=self.stamp() if stamp is None else stamp,
            path=self.fresh.text(16),
            content_type=self.content_type,
            headers=self.own_headers(),
            body=self.encoded(self.document(self.plain_note())) if body is None else body,
        )

    def stamp(self) -> str:
        return self.clock.stamp(0) if self.clock else ""

    def signed(
        self, event: Event | None = None, secret: str | None = None, spell: Spell | None = None
    ) -> Request:
        return self.sign(event or self.event(), secret or self.secret, spell or self.spelling.write)

    def right_value(self) -> str:
        """The signature header of the good request."""
        return dict(self.good.headers)[self.header]

    def wrong_value(self) -> str:
        """The same for the other secret."""
        return dict(self.signed(self.base, self.other).headers)[self.header]

    # Verdicts.

    def accept(
        self, description: str, request: Request, reason: str = "signature matches", **settings
    ) -> Case:
        return self._case(description, request, None, reason, **settings)

    def reject(
        self, description: str, request: Request, code: str, reason: str | None = None, **settings
    ) -> Case:
        return self._case(description, request, code, reason or REASONS[code], **settings)

    def _case(
        self,
        description: str,
        request: Request,
        code: str | None,
        reason: str,
        basis: str = PROVIDER,
        **settings,
    ) -> Case:
        defaults = {"secrets": (self.secret,), "config": self.config, "tolerance": self.tolerance}
        return Case(description, request, code, reason, basis, **(defaults | settings))


# ---- cases that many providers share

REASONS = {
    MISSING: "signature missing",
    MALFORMED: "signature malformed",
    MISMATCH: "signature malformed or mismatched",
    DUPLICATE: "ambiguous: a single-valued header is repeated",
    "duplicate_parameter": "ambiguous: a single-valued parameter is repeated",
    "missing_timestamp": "timestamp missing",
    "malformed_timestamp": "timestamp malformed",
    "stale_timestamp": "stale timestamp",
    "future_timestamp": "timestamp too far ahead",
    "missing_input": "an input of the signed text is missing",
    "malformed_body": "body that holds signed values malformed",
}
"""Why a request is refused with a code, where a case has no better words."""

AS_RECEIVED = "bytes as received are what is signed"
RAW = "raw bytes must be used"
NOT_TEXT = "signature covers bytes; whether the JSON is usable is a separate matter"
OTHER_BYTES = "body bytes differ from the signed bytes"
NO_SECRET = "no configured secret matches"
ANY_SECRET = "any configured secret may match"
WRONG = "signature malformed or mismatched"
ID_REPEATED = "ambiguous: the id also keys de-duplication"
ANY_SIGNATURE = "any listed signature may match"
FIELDS = "fields are signed, not bytes"
FIELD_CHANGED = "a signed field changed"
UNTRUSTED = "only the named fields are signed; the rest is untrusted"
UNCOVERED = "nothing of the body is covered; treat it as untrusted"
NO_ID = "verification does not depend on the id; it is then built by fallback"
NO_TYPE = "verification does not depend on the type; it is then unknown"
OPAQUE = "the value is signed and never read as a time"
SCHEME_WORD = "the scheme word of Authorization is case-insensitive"
BLANKS = "they do not belong to the value"
VERBATIM = "the number's literal in the body is used, never re-rendered"


def body_cases(p: Provider) -> Iterator[Case]:
    """For signatures that cover every byte of the body."""
    yield p.accept("well-formed request", p.good)
    foreign = p.encoded(p.document(p.foreign_note()))
    yield p.accept(
        "body with non-ASCII text as UTF-8 bytes", p.signed(p.event(foreign)), AS_RECEIVED
    )
    odd = p.oddly_encoded(p.document(p.foreign_note()))
    yield p.accept(p.odd_body, p.signed(p.event(odd)), RAW)
    broken = p.signed(p.event(p.broken_body()))
    yield p.accept("body is not valid UTF-8", broken, NOT_TEXT, basis=RULE)
    yield p.reject(
        "one character of the body changed after signing",
        p.good.with_body(with_last_digit_changed(p.good.body)),
        MISMATCH,
        OTHER_BYTES,
    )
    yield p.reject(
        "a newline appended to the body after signing",
        p.good.with_body(p.good.body + b"\n"),
        MISMATCH,
        OTHER_BYTES,
    )


def secret_cases(p: Provider) -> Iterator[Case]:
    of_other = p.signed(secret=p.other)
    yield p.reject(p.another_secret, of_other, MISMATCH, NO_SECRET)
    yield p.accept(
        "rotation: the matching secret is the second of two",
        of_other,
        ANY_SECRET,
        secrets=(p.secret, p.other),
    )


def place_cases(p: Provider) -> Iterator[Case]:
    """For signatures in a header."""
    good, name = p.good, p.header
    yield p.reject(f"{name} header absent", good.without(name), MISSING)
    yield p.reject(
        f"{name} header present but empty", good.with_value(name, ""), MALFORMED, "signature empty"
    )
    yield p.reject(
        f"{name} header is not in the documented form",
        good.with_value(name, p.spelling.not_it),
        MALFORMED,
    )
    cut = p.signed(p.base, spell=lambda tag: p.spelling.write(tag)[:-4])
    yield p.reject("signature cut short", cut, MISMATCH)
    yield p.accept(
        "header names in another letter case",
        good.with_names_in_another_case(),
        "header names are case-insensitive",
    )
    wrong = p.wrong_value()
    yield p.reject(
        "signature header sent twice with different values",
        good.with_line_before(name, wrong),
        DUPLICATE,
        basis=RULE,
    )
    yield p.reject(
        "right digest in the wrong text encoding",
        p.signed(p.base, spell=p.spelling.wrong),
        p.spelling.wrong_code,
        WRONG,
    )


def strictness_cases(p: Provider) -> Iterator[Case]:
    """More of the same for the schemes that have no timestamp."""
    yield p.reject(
        p.same_body, p.good.with_body(p.encoded_again(p.good.body)), MISMATCH, OTHER_BYTES
    )
    yield spelling_case(p)


def spelling_case(p: Provider) -> Case:
    spelling = p.spelling
    request = p.signed(p.base, spell=spelling.variant)
    if spelling.variant_code is None:
        reason = "hexadecimal digits are accepted in both cases"
        return p.accept(spelling.variant_name, request, reason, basis=RULE)
    return p.reject(spelling.variant_name, request, spelling.variant_code, basis=RULE)


def clock_cases(p: Provider) -> Iterator[Case]:
    """For timestamps that are read as a time."""
    tolerance, basis = (p.tolerance, PROVIDER) if p.tolerance else (TOLERANCE, RULE)
    settings = {"tolerance": tolerance, "basis": basis}

    def sent(seconds_from_now: int) -> Request:
        return p.signed(p.event(stamp=p.clock.stamp(seconds_from_now)))

    stale = sent(-tolerance - 1)
    yield p.reject(
        "correctly signed, one second older than the tolerance",
        stale,
        "stale_timestamp",
        **settings,
    )
    if not p.tolerance:
        yield p.accept(
            "same request with the tolerance check turned off", stale, "tolerance disabled"
        )
    yield p.accept(
        "correctly signed, exactly as old as the tolerance",
        sent(-tolerance),
        "boundary is inclusive",
        **settings,
    )
    yield p.reject(
        "correctly signed, timestamp further in the future than the tolerance",
        sent(tolerance + 1),
        "future_timestamp",
        **settings,
    )
    if p.tolerance:
        yield p.accept(
            "correctly signed, exactly as far in the future as the tolerance",
            sent(tolerance),
            "boundary is inclusive",
            basis=RULE,
        )
    fraction = p.signed(p.event(stamp=f"{p.stamp()}.5"))
    if p.clock.header:
        yield from stamp_header_cases(p, p.clock.header)
        yield p.reject(
            f"{p.clock.header} is not a plain integer, correctly signed",
            fraction,
            "malformed_timestamp",
            basis=RULE,
        )
    else:
        yield p.reject(
            "timestamp element is not an integer, correctly signed",
            fraction,
            "malformed_timestamp",
            basis=RULE,
        )


def stamp_header_cases(p: Provider, name: str) -> Iterator[Case]:
    """For signed timestamps in a header of their own, whether they are read or not."""
    yield p.reject(f"{name} header absent", p.good.without(name), "missing_timestamp")
    yield p.reject(
        f"{name} header sent twice with different values",
        p.good.with_line_before(name, "1"),
        DUPLICATE,
        basis=RULE,
    )


def element_cases(p: Provider) -> Iterator[Case]:
    """For headers such as `t=1790000000,v1=5f3c`."""
    name, elements = p.header, p.elements
    value = p.right_value()
    time, tag = f"{elements.time}=", f"{elements.tag}="
    parts = value.split(elements.separator)
    assert any(part.startswith(time) for part in parts)
    without_time = [part for part in parts if not part.startswith(time)]

    def with_parts(*parts: str) -> Request:
        return p.good.with_value(name, elements.separator.join(parts))

    yield p.reject(
        "timestamp element absent from the signature header", with_parts(*without_time), MALFORMED
    )
    yield p.reject(
        "timestamp element given twice",
        with_parts(f"{time}1789999699", *parts),
        MALFORMED,
        "ambiguous timestamp",
        basis=RULE,
    )
    yield p.accept(
        "unknown elements around the known ones",
        with_parts("x9=00", *parts, "note"),
        "unknown elements are ignored",
        basis=RULE,
    )
    unknown = [f"x9={part.removeprefix(tag)}" if part.startswith(tag) else part for part in parts]
    yield p.reject(
        "only a signature element the scheme does not use",
        with_parts(*unknown),
        MALFORMED,
        "no usable signature (downgrade)",
    )
    wrong = [part for part in p.wrong_value().split(elements.separator) if part.startswith(tag)]
    yield p.accept(
        "two signatures in the header, the second matches",
        with_parts(*wrong, *parts),
        ANY_SIGNATURE,
        basis=RULE,
    )


def empty_body_case(p: Provider) -> Case:
    return p.accept(
        "empty body, correctly signed",
        p.signed(p.event(b"")),
        "an empty body is bytes too",
        basis=RULE,
    )


class FormProvider(Provider):
    """One that sends HTML forms."""

    content_type = FORM
    odd_body = "form body with escapes that a re-encoder would change"
    same_body = "same form, escaped otherwise than was signed"

    def encoded(self, document: dict[str, str]) -> bytes:
        """Escapes what must be escaped; text beyond ASCII stays as it is."""

        def escaped(character: str) -> str:
            if character.isalnum() or character in "-._~" or ord(character) > 127:
                return character
            return "+" if character == " " else f"%{ord(character):02X}"

        pairs = (
            "=".join("".join(map(escaped, text)) for text in pair) for pair in document.items()
        )
        return "&".join(pairs).encode()

    def oddly_encoded(self, document: dict[str, str]) -> bytes:
        """Lower-case escapes, also where none is needed, and a pair of nothing."""

        def escaped(text: str) -> str:
            return "".join(f"%{byte:02x}" for byte in text.encode())

        pairs = (f"{quote(key)}={escaped(value)}" for key, value in document.items())
        return "&&".join(pairs).encode()

    def encoded_again(self, body: bytes) -> bytes:
        assert b"+" in body
        return body.replace(b"+", b"%20")

    def broken_body(self) -> bytes:
        names = self.document("")
        values = (joined(f"{name}=", b"\xff\xfe", self.fresh.text(6)) for name in names)
        return b"&".join(values)


# ---- timestamped HMAC


class Polar(Provider):
    """Standard Webhooks, but the key is the secret's text as it is.

    The provider's Python library also tries what the text decodes to from base64. No vector asks
    for that or rules it out.
    """

    preset = "polar"
    header = "webhook-signature"
    spelling = BASE64
    tolerance = 300
    clock = Clock(header="webhook-timestamp")

    def make_secret(self) -> str:
        return f"polar_whs_{self.fresh.text(43)}"

    def document(self, note: str) -> dict:
        order = {"id": self.fresh.text(20), "status": "paid", "total_amount": 1999, "note": note}
        return {"type": "order.paid", "timestamp": "2026-09-21T14:13:20Z", "data": order}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, f"{event.id}.{event.stamp}.", event.body)
        return event.request(
            ("webhook-id", event.id),
            ("webhook-timestamp", event.stamp),
            ("webhook-signature", f"v1,{spell(tag)}"),
        )

    def identity(self, request: Request) -> Identity:
        return request.header("webhook-id"), request.json("/type")

    def own_cases(self) -> Iterator[Case]:
        value = self.right_value()
        wrong = self.wrong_value()
        yield self.accept(
            "an unknown version and a wrong signature before the one that matches",
            self.good.with_value(self.header, f"v1a,{value.removeprefix('v1,')} {wrong} {value}"),
            ANY_SIGNATURE,
        )
        yield self.reject(
            "message id header changed after signing",
            self.good.edited("webhook-id", str.swapcase),
            MISMATCH,
            "the id is part of the signed text",
        )
        yield self.reject(
            "message id header absent", self.good.without("webhook-id"), "missing_input"
        )
        yield self.reject(
            "message id header sent twice with different values",
            self.good.with_line_before("webhook-id", f"msg_{self.fresh.text(20)}"),
            DUPLICATE,
            ID_REPEATED,
            basis=RULE,
        )
        whole = f"whsec_{to_base64(self.fresh.bytes(24))}"
        yield self.accept(
            "secret that looks like one of Standard Webhooks is a text all the same",
            self.signed(secret=whole),
            "this provider uses the whole secret text, prefix included",
            secrets=(whole,),
        )


class Fintoc(Provider):
    preset = "fintoc"
    header = "Fintoc-Signature"
    tolerance = 300
    clock = Clock()
    elements = Elements(time="t", tag="v1")

    def make_secret(self) -> str:
        return f"whsec_{self.fresh.text(32)}"

    def document(self, note: str) -> dict:
        return {
            "id": f"evt_{self.fresh.text(16)}",
            "object": "event",
            "type": "payment_intent.succeeded",
            "mode": "test",
            "created_at": "2026-09-21T14:13:20Z",
            "data": {"id": f"pi_{self.fresh.text(16)}", "amount": 59013, "comment": note},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, f"{event.stamp}.", event.body)
        return event.request(("Fintoc-Signature", f"t={event.stamp},v1={spell(tag)}"))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/type")


class PayMongo(Provider):
    """Two signature elements, `te` for test and `li` for live mode; the other one is empty."""

    preset = "paymongo"
    header = "Paymongo-Signature"
    clock = Clock()
    config = {"mode": "te"}
    live = {"mode": "li"}

    def make_secret(self) -> str:
        return f"whsk_{self.fresh.text(24)}"

    def document(self, note: str) -> dict:
        payment = {"id": f"pay_{self.fresh.text(24)}", "attributes": {"description": note}}
        attributes = {"type": "payment.paid", "livemode": False, "data": payment}
        event = {"id": f"evt_{self.fresh.text(24)}", "type": "event", "attributes": attributes}
        return {"data": event}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, f"{event.stamp}.", event.body)
        return event.request(("Paymongo-Signature", f"t={event.stamp},te={spell(tag)},li="))

    def identity(self, request: Request) -> Identity:
        return request.json("/data/id"), request.json("/data/attributes/type")

    def own_cases(self) -> Iterator[Case]:
        time, test, live = self.right_value().split(",")
        tag = test.removeprefix("te=")
        wrong = self.wrong_value().split(",")[1]

        def with_parts(*parts: str) -> Request:
            return self.good.with_value(self.header, ",".join(parts))

        in_live_mode = with_parts(time, "te=", f"li={tag}")
        yield self.accept("live mode: te is empty", in_live_mode, config=self.live)
        yield self.reject(
            "a live signature where test mode is configured",
            in_live_mode,
            MALFORMED,
            "no signature of the configured mode",
        )
        yield self.reject(
            "wrong signature of the configured mode, right one of the other",
            with_parts(time, wrong, f"li={tag}"),
            MISMATCH,
            "only the element of the configured mode counts",
        )
        yield self.reject(
            "timestamp element absent from the signature header", with_parts(test, live), MALFORMED
        )
        yield self.reject(
            "timestamp element given twice",
            with_parts("t=1789999699", time, test, live),
            MALFORMED,
            "ambiguous timestamp",
            basis=RULE,
        )


class CoinbaseCdp(Provider):
    """`v0` covers time and body; `v1` covers listed headers too, and is not used here."""

    preset = "coinbase-cdp"
    header = "X-Hook0-Signature"
    tolerance = 300
    clock = Clock()
    elements = Elements(time="t", tag="v0")

    def document(self, note: str) -> dict:
        return {
            "id": self.fresh.text(20),
            "eventType": "payments.transfers.completed",
            "createdAt": "2026-09-21T14:13:20Z",
            "data": {"transferId": self.fresh.text(20), "amount": "19.99", "memo": note},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        names = "content-type"
        v0 = spell(hmac_sha256(secret, f"{event.stamp}.", event.body))
        v1 = hmac_sha256(secret, f"{event.stamp}.{names}.{event.content_type}.", event.body).hex()
        return event.request(("X-Hook0-Signature", f"t={event.stamp},v0={v0},h={names},v1={v1}"))

    def identity(self, request: Request) -> Identity:
        kind = request.json("/eventType")
        return together(request.json("/id"), ":", kind), kind


class Finix(Provider):
    preset = "finix"
    header = "Finix-Signature"
    clock = Clock()
    elements = Elements(time="timestamp", tag="sig", separator=", ")

    def document(self, note: str) -> dict:
        transfer = {"id": f"TR{self.fresh.text(20)}", "amount": 1999, "tags": {"note": note}}
        return {
            "id": f"event_{self.fresh.text(22)}",
            "type": "created",
            "entity": "transfer",
            "occurred_at": "2026-09-21T14:13:20.000000",
            "_embedded": {"transfers": [transfer]},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, f"{event.stamp}:", event.body)
        return event.request(("Finix-Signature", f"timestamp={event.stamp}, sig={spell(tag)}"))

    def identity(self, request: Request) -> Identity:
        kind = together(request.json("/entity"), ".", request.json("/type"))
        return request.json("/id"), kind


class Nmi(Provider):
    """What stands where others have the time is a nonce."""

    preset = "nmi"
    header = "Webhook-Signature"
    elements = Elements(time="t", tag="s")

    def stamp(self) -> str:
        return self.fresh.text(16)

    def document(self, note: str) -> dict:
        body = {"transaction_id": str(self.fresh.number(10)), "order_description": note}
        event = f"{self.fresh.text(8)}-{self.fresh.text(4)}"
        return {"event_id": event, "event_type": "transaction.sale.success", "event_body": body}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, f"{event.stamp}.", event.body)
        return event.request(("Webhook-Signature", f"t={event.stamp},s={spell(tag)}"))

    def identity(self, request: Request) -> Identity:
        return request.json("/event_id"), request.json("/event_type")

    def own_cases(self) -> Iterator[Case]:
        nonce = self.base.stamp
        yield self.reject(
            "nonce changed after signing",
            self.good.edited(self.header, lambda value: value.replace(nonce, nonce.swapcase())),
            MISMATCH,
            "the nonce is part of the signed text",
        )
        yield self.accept(
            "nonce that reads like an old timestamp, with a tolerance configured",
            self.signed(self.event(stamp=str(NOW - 86_400))),
            OPAQUE,
            tolerance=TOLERANCE,
            basis=RULE,
        )


class Omise(Provider):
    """The key is what the secret decodes to from base64."""

    preset = "omise"
    header = "Omise-Signature"
    clock = Clock(header="Omise-Signature-Timestamp")

    def make_secret(self) -> str:
        return to_base64(self.fresh.bytes(32))

    def document(self, note: str) -> dict:
        charge = {"object": "charge", "id": f"chrg_{self.fresh.text(16)}", "description": note}
        event = f"evnt_test_{self.fresh.text(16)}"
        return {"object": "event", "id": event, "key": "charge.complete", "data": charge}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        key = base64.b64decode(secret, validate=True)
        tag = hmac_sha256(key, f"{event.stamp}.", event.body)
        return event.request(
            ("Omise-Signature", spell(tag)), ("Omise-Signature-Timestamp", event.stamp)
        )

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/key")

    def own_cases(self) -> Iterator[Case]:
        right = self.right_value()
        wrong = self.wrong_value()
        yield self.accept(
            "two signatures in the header, the second matches",
            self.good.with_value(self.header, f"{wrong},{right}"),
            ANY_SIGNATURE,
        )
        as_text = hmac_sha256(self.secret, f"{self.base.stamp}.", self.base.body)
        yield self.reject(
            "key is the secret's text instead of what it decodes to",
            self.good.with_value(self.header, as_text.hex()),
            MISMATCH,
            "the secret is base64",
        )


class Airwallex(Provider):
    preset = "airwallex"
    header = "x-signature"
    clock = Clock(millis=True, header="x-timestamp")

    def make_secret(self) -> str:
        return f"whsec_{self.fresh.text(24)}"

    def document(self, note: str) -> dict:
        intent = {"id": f"int_{self.fresh.text(20)}", "amount": 19.99, "descriptor": note}
        return {
            "id": f"evt_{self.fresh.text(20)}",
            "name": "payment_intent.succeeded",
            "account_id": f"acct_{self.fresh.text(16)}",
            "data": {"object": intent},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, event.stamp, event.body)
        return event.request(("x-timestamp", event.stamp), ("x-signature", spell(tag)))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/name")

    def own_cases(self) -> Iterator[Case]:
        yield self.reject(
            "timestamp in seconds is far in the past where milliseconds are due",
            self.signed(self.event(stamp=str(NOW))),
            "stale_timestamp",
            "the unit is milliseconds",
            tolerance=TOLERANCE,
            basis=RULE,
        )
        alone = hmac_sha256(self.secret, self.base.body).hex()
        yield self.reject(
            "signature over the body alone, without the timestamp",
            self.good.with_value(self.header, alone),
            MISMATCH,
            "signed text must include the timestamp",
        )


class BlueSnap(FormProvider):
    """The unit of the timestamp is not known, so it is signed text and nothing else."""

    preset = "bluesnap"
    header = "bls-signature"

    def stamp(self) -> str:
        return f"{NOW}000"

    def document(self, note: str) -> dict[str, str]:
        return {
            "transactionType": "CHARGE",
            "referenceNumber": str(self.fresh.number(10)),
            "invoiceAmountUSD": "19.99",
            "productName": note,
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, event.stamp, event.body)
        return event.request(("bls-ipn-timestamp", event.stamp), ("bls-signature", spell(tag)))

    def identity(self, request: Request) -> Identity:
        return None, request.form("transactionType")

    def own_cases(self) -> Iterator[Case]:
        name = "bls-ipn-timestamp"
        yield from stamp_header_cases(self, name)
        yield self.reject(
            "timestamp changed after signing",
            self.good.with_value(name, f"{NOW + 1}000"),
            MISMATCH,
            "timestamp is part of the signed text",
        )
        yield self.accept(
            "old timestamp in words, with a tolerance configured",
            self.signed(self.event(stamp="2020-01-01 00:00:00")),
            OPAQUE,
            tolerance=TOLERANCE,
            basis=RULE,
        )
        without_number = {"transactionType": "REFUND", "productName": self.plain_note()}
        yield self.accept(
            "a field of the composed id absent",
            self.signed(self.event(self.encoded(without_number))),
            NO_ID,
            basis=RULE,
        )


class Primer(Provider):
    """The time is inside the body; a second header carries the signature of the other secret."""

    preset = "primer"
    header = "X-Signature-Primary"
    second_header = "X-Signature-Secondary"
    spelling = BASE64

    def document(self, note: str) -> dict:
        payment = {"id": self.fresh.text(8), "status": "AUTHORIZED", "descriptor": note}
        return {
            "eventType": "PAYMENT.STATUS",
            "signedAt": str(NOW),
            "payment": payment,
            "version": "2.4",
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-Signature-Primary", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        pieces = (request.json(f"/{name}") for name in ("payment/id", "payment/status", "signedAt"))
        payment, status, signed_at = pieces
        return together(payment, ":", status, ":", signed_at), request.json("/eventType")

    def cases(self) -> Iterator[Case]:
        for case in body_cases(self):
            # This one body must be readable, or there is no time.
            if case.description != "body is not valid UTF-8":
                yield case
        yield from secret_cases(self)
        yield from place_cases(self)
        yield spelling_case(self)
        yield from self.second_place()
        yield from self.time_in_body()

    def second_place(self) -> Iterator[Case]:
        right = self.right_value()
        wrong = self.wrong_value()
        alone = self.base.request((self.second_header, right))
        yield self.accept(
            "only X-Signature-Secondary, and it matches", alone, "either header may match"
        )
        yield self.accept(
            "after rotation: the first header is of the new secret, the second of ours",
            self.base.request((self.header, wrong), (self.second_header, right)),
            "either header may match",
        )
        yield self.reject(
            "neither header matches",
            self.base.request((self.header, wrong), (self.second_header, wrong)),
            MISMATCH,
            "no listed signature matches",
        )
        yield self.reject(
            "X-Signature-Secondary sent twice with different values",
            alone.with_line_before(self.second_header, wrong),
            DUPLICATE,
            basis=RULE,
        )

    def time_in_body(self) -> Iterator[Case]:
        def sent(literal: str) -> Request:
            body = self.event().body
            return self.signed(self.event(swapped(body, f'"signedAt":"{NOW}"', literal)))

        stale = sent(f'"signedAt":"{NOW - TOLERANCE - 1}"')
        limited = {"tolerance": TOLERANCE, "basis": RULE}
        yield self.reject(
            "correctly signed, one second older than the tolerance",
            stale,
            "stale_timestamp",
            **limited,
        )
        yield self.accept(
            "same request with the tolerance check turned off", stale, "tolerance disabled"
        )
        yield self.accept(
            "signedAt as a number, exactly as old as the tolerance",
            sent(f'"signedAt":{NOW - TOLERANCE}'),
            "boundary is inclusive",
            **limited,
        )
        yield self.reject(
            "signedAt is not a plain integer, correctly signed",
            sent('"signedAt":"2026-09-21T14:13:20Z"'),
            "malformed_timestamp",
            **limited,
        )
        yield self.reject(
            "signedAt absent, correctly signed", sent('"sentAt":0'), "missing_timestamp", **limited
        )


class DLocal(Provider):
    """`X-Date` is RFC 3339 and opaque: signed as it stands."""

    preset = "dlocal"
    header = "Authorization"
    config = {"login": "sak223k2wdksdl2"}
    scheme = "V2-HMAC-SHA256, Signature: "

    def stamp(self) -> str:
        return "2026-09-21T14:13:20.000Z"

    def document(self, note: str) -> dict:
        return {
            "id": f"D-4-{self.fresh.text(12)}",
            "amount": 120.00,
            "status": "PAID",
            "status_detail": note,
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        login = self.config["login"]
        tag = hmac_sha256(secret, login, event.stamp, event.body)
        return event.request(
            ("X-Date", event.stamp),
            ("X-Login", login),
            ("Authorization", f"V2-HMAC-SHA256, Signature: {spell(tag)}"),
        )

    def identity(self, request: Request) -> Identity:
        status = request.json("/status")
        return together(request.json("/id"), ":", status), status

    def own_cases(self) -> Iterator[Case]:
        good, name = self.good, self.header
        yield from stamp_header_cases(self, "X-Date")
        yield self.reject(
            "X-Date changed after signing",
            good.with_value("X-Date", "2026-09-21T14:13:21.000Z"),
            MISMATCH,
            "the date is part of the signed text",
        )
        old = "2020-02-29T23:59:59+05:30"
        yield self.accept(
            "old X-Date with another offset, with a tolerance configured",
            self.signed(self.event(stamp=old)),
            OPAQUE,
            tolerance=TOLERANCE,
            basis=RULE,
        )
        yield self.reject(
            "another login configured",
            good,
            MISMATCH,
            "the login is part of the signed text",
            config={"login": "sak223k2wdksdl3"},
        )
        yield self.accept(
            "X-Login header absent",
            good.without("X-Login"),
            "the configured login is signed, the header is not looked at",
            basis=RULE,
        )
        yield self.accept(
            "scheme word in another letter case",
            good.edited(name, lambda value: value.replace("V2-HMAC-SHA256", "v2-Hmac-Sha256")),
            SCHEME_WORD,
            basis=RULE,
        )
        yield self.reject(
            "signature without the scheme word",
            good.edited(name, lambda value: value.removeprefix(self.scheme)),
            MALFORMED,
        )


# ---- HMAC of the raw body


class LemonSqueezy(Provider):
    preset = "lemonsqueezy"
    header = "X-Signature"

    def own_headers(self) -> tuple[Header, ...]:
        return (("X-Event-Name", "order_created"),)

    def document(self, note: str) -> dict:
        order = {"identifier": self.fresh.text(20), "total": 1999, "user_name": note}
        data = {"type": "orders", "id": str(self.fresh.number(6)), "attributes": order}
        return {"meta": {"event_name": "order_created", "test_mode": True}, "data": data}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-Signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return None, request.header("X-Event-Name")

    def own_cases(self) -> Iterator[Case]:
        without_type = self.good.without("X-Event-Name")
        yield self.accept("X-Event-Name header absent", without_type, NO_TYPE, basis=RULE)


class Dwolla(Provider):
    preset = "dwolla"
    header = "X-Request-Signature-SHA-256"

    def document(self, note: str) -> dict:
        return {
            "id": self.fresh.text(24),
            "resourceId": self.fresh.text(24),
            "topic": "transfer_completed",
            "timestamp": "2026-09-21T14:13:20.000Z",
            "note": note,
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, event.body)
        return event.request(("X-Request-Signature-SHA-256", spell(tag)))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/topic")

    def own_cases(self) -> Iterator[Case]:
        yield empty_body_case(self)
        blanks = self.good.edited(self.header, lambda value: f" \t{value} ")
        yield self.accept("spaces and tabs around the header's value", blanks, BLANKS, basis=RULE)


class ModernTreasury(Provider):
    preset = "modern-treasury"
    header = "X-Signature"

    def own_headers(self) -> tuple[Header, ...]:
        return (("X-Topic", "payment_order"),)

    def document(self, note: str) -> dict:
        order = {"id": self.fresh.text(24), "object": "payment_order", "description": note}
        return {"event": "completed", "data": order}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-Signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return None, together(request.header("X-Topic"), ".", request.json("/event"))

    def own_cases(self) -> Iterator[Case]:
        without_topic = self.good.without("X-Topic")
        yield self.accept("X-Topic header absent", without_topic, NO_TYPE, basis=RULE)


class Komoju(Provider):
    preset = "komoju"
    header = "X-Komoju-Signature"

    def document(self, note: str) -> dict:
        payment = {"id": self.fresh.text(24), "amount": 1080, "currency": "JPY", "note": note}
        return {"id": self.fresh.text(24), "type": "payment.captured", "data": payment}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-Komoju-Signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/type")


class Cryptopay(Provider):
    preset = "cryptopay"
    header = "X-Cryptopay-Signature"

    def document(self, note: str) -> dict:
        data = {"id": self.fresh.text(24), "status": "completed", "custom_id": note}
        return {"type": "Invoice", "event": "status_changed", "data": data}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-Cryptopay-Signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        event = request.json("/event")
        kind = together(request.json("/type"), ".", event)
        state = together(event, ":", request.json("/data/status"))
        return together(request.json("/data/id"), ":", state), kind

    def own_cases(self) -> Iterator[Case]:
        body = swapped(self.event().body, '"event":"status_changed"', '"event":null')
        yield self.accept(
            "a field of the composed id and type is null",
            self.signed(self.event(body)),
            NO_ID,
            basis=RULE,
        )


class Klarna(Provider):
    preset = "klarna"
    header = "Klarna-Signature"

    def own_headers(self) -> tuple[Header, ...]:
        return (("Klarna-Signing-Key-Id", f"krn:key:{self.fresh.text(12)}"),)

    def document(self, note: str) -> dict:
        return {
            "metadata": {
                "event_type": "payment.request.state-change.completed",
                "event_id": self.fresh.text(24),
                "occurred_at": "2026-09-21T14:13:20Z",
            },
            "payload": {"payment_request_id": self.fresh.text(24), "reference": note},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("Klarna-Signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return request.json("/metadata/event_id"), request.json("/metadata/event_type")

    def own_cases(self) -> Iterator[Case]:
        yield empty_body_case(self)
        yield self.accept(
            "Klarna-Signing-Key-Id header absent",
            self.good.without("Klarna-Signing-Key-Id"),
            "it only names the key; every configured secret is tried",
            basis=RULE,
        )


class Silverflow(Provider):
    preset = "silverflow"
    header = "X-Silverflow-Signature"

    def document(self, note: str) -> dict:
        return {
            "eventType": "charge.cleared",
            "chargeKey": f"chg-{self.fresh.text(20)}",
            "merchantReference": note,
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-Silverflow-Signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return None, request.json("/eventType")


class AuthorizeNet(Provider):
    """SHA-512 in upper case; the key is the text of the signature key, though it is hexadecimal."""

    preset = "authorizenet"
    header = "X-ANET-Signature"
    spelling = UPPER_HEX

    def make_secret(self) -> str:
        return to_upper_hex(self.fresh.bytes(64))

    def document(self, note: str) -> dict:
        return {
            "notificationId": self.fresh.text(24),
            "eventType": "net.authorize.payment.authcapture.created",
            "eventDate": "2026-09-21T14:13:20.0000000Z",
            "webhookId": self.fresh.text(24),
            "payload": {"responseCode": 1, "authAmount": 19.90, "merchantReferenceId": note},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha512(secret, event.body)
        return event.request(("X-ANET-Signature", f"sha512={spell(tag)}"))

    def identity(self, request: Request) -> Identity:
        return request.json("/notificationId"), request.json("/eventType")

    def own_cases(self) -> Iterator[Case]:
        decoded = hmac_sha512(bytes.fromhex(self.secret), self.base.body)
        yield self.reject(
            "key is what the signature key decodes to instead of its text",
            self.good.with_value(self.header, f"sha512={to_upper_hex(decoded)}"),
            MISMATCH,
            "the key is the text",
        )
        yield from prefix_cases(self, "sha512=", "sha256=")


def prefix_cases(p: Provider, prefix: str, other: str) -> Iterator[Case]:
    """For signatures behind the name of their hash."""
    yield p.reject(
        f"signature without its {prefix} prefix",
        p.good.edited(p.header, lambda value: value.removeprefix(prefix)),
        MALFORMED,
        basis=RULE,
    )
    yield p.reject(
        "prefix of another hash",
        p.good.edited(p.header, lambda value: value.replace(prefix, other)),
        MALFORMED,
        "no usable signature (downgrade)",
    )


class BtcPay(Provider):
    preset = "btcpay"
    header = "BTCPay-Sig"

    def document(self, note: str) -> dict:
        delivery = self.fresh.text(22)
        return {
            "deliveryId": delivery,
            "webhookId": self.fresh.text(22),
            "originalDeliveryId": delivery,
            "isRedelivery": False,
            "type": "InvoiceSettled",
            "timestamp": NOW,
            "invoiceId": self.fresh.text(22),
            "metadata": {"itemDesc": note},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, event.body)
        return event.request(("BTCPay-Sig", f"sha256={spell(tag)}"))

    def identity(self, request: Request) -> Identity:
        return request.json("/originalDeliveryId"), request.json("/type")

    def own_cases(self) -> Iterator[Case]:
        yield from prefix_cases(self, "sha256=", "sha1=")


class PayloadCom(Provider):
    preset = "payload-com"
    header = "X-Payload-Signature"

    def document(self, note: str) -> dict:
        source = {"id": f"txn_{self.fresh.text(16)}", "object": "transaction", "note": note}
        return {"object": "webhook_trigger", "trigger": "payment", "triggered_on": source}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha256(secret, event.body)
        return event.request(("X-Payload-Signature", f"sha256={spell(tag)}"))

    def identity(self, request: Request) -> Identity:
        return None, request.json("/trigger")

    def own_cases(self) -> Iterator[Case]:
        yield from prefix_cases(self, "sha256=", "sha512=")
        body = self.encoded({"triggered_on": {"note": self.plain_note()}})
        yield self.accept("no trigger", self.signed(self.event(body)), NO_ID, basis=RULE)


class WooCommerce(Provider):
    preset = "woocommerce"
    header = "X-WC-Webhook-Signature"
    spelling = BASE64

    def own_headers(self) -> tuple[Header, ...]:
        return (
            ("X-WC-Webhook-Topic", "order.updated"),
            ("X-WC-Webhook-Delivery-ID", self.fresh.text(32).lower()),
        )

    def document(self, note: str) -> dict:
        order = self.fresh.number(5)
        return {"id": order, "status": "processing", "total": "19.90", "customer_note": note}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-WC-Webhook-Signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return request.header("X-WC-Webhook-Delivery-ID"), request.header("X-WC-Webhook-Topic")

    def own_cases(self) -> Iterator[Case]:
        yield from id_header_cases(self, "X-WC-Webhook-Delivery-ID")
        ping = replace(self.event(b"webhook_id=42"), content_type=FORM, headers=())
        yield self.reject(
            "unsigned ping on activation",
            ping.request(),
            MISSING,
            "signature missing; whether to answer 200 is a separate matter",
        )


def id_header_cases(p: Provider, name: str) -> Iterator[Case]:
    """For event ids in a header that is not signed."""
    yield p.accept(f"{name} header absent", p.good.without(name), NO_ID, basis=RULE)
    yield p.reject(
        f"{name} header sent twice with different values",
        p.good.with_line_before(name, p.fresh.text(32).lower()),
        DUPLICATE,
        ID_REPEATED,
        basis=RULE,
    )


class FlutterwaveV4(Provider):
    preset = "flutterwave-v4"
    header = "flutterwave-signature"
    spelling = BASE64

    def document(self, note: str) -> dict:
        charge = {"id": f"chg_{self.fresh.text(10)}", "amount": 200, "meta": {"note": note}}
        event = f"wbk_{self.fresh.text(20)}"
        return {"id": event, "timestamp": NOW * 1000, "type": "charge.completed", "data": charge}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("flutterwave-signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/type")


class WorldlineDirect(Provider):
    preset = "worldline-direct"
    header = "X-GCS-Signature"
    spelling = BASE64

    def own_headers(self) -> tuple[Header, ...]:
        return (("X-GCS-KeyId", "dummy-key-id"),)

    def document(self, note: str) -> dict:
        return {
            "apiVersion": "v1",
            "id": self.fresh.text(24),
            "created": "2026-09-21T14:13:20.000+0000",
            "merchantId": "MyMerchant",
            "type": "payment.paid",
            "payment": {"id": f"{self.fresh.number(10)}_0", "descriptor": note},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-GCS-Signature", spell(hmac_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/type")

    def own_cases(self) -> Iterator[Case]:
        yield self.accept(
            "X-GCS-KeyId header absent",
            self.good.without("X-GCS-KeyId"),
            "it only names the key; every configured secret is tried",
            basis=RULE,
        )


class PagarmeLegacy(FormProvider):
    """SHA-1, keyed with the account's API key."""

    preset = "pagarme-legacy"
    header = "X-Hub-Signature"

    def make_secret(self) -> str:
        return f"ak_test_{self.fresh.text(30)}"

    def document(self, note: str) -> dict[str, str]:
        return {
            "id": str(self.fresh.number(8)),
            "event": "transaction_status_changed",
            "old_status": "processing",
            "current_status": "paid",
            "transaction[metadata][note]": note,
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hmac_sha1(secret, event.body)
        return event.request(("X-Hub-Signature", f"sha1={spell(tag)}"))

    def identity(self, request: Request) -> Identity:
        transaction = together(request.form("id"), ":", request.form("current_status"))
        return transaction, request.form("event")

    def own_cases(self) -> Iterator[Case]:
        yield from prefix_cases(self, "sha1=", "sha256=")
        body = self.encoded({"id": "1", "event": "subscription_status_changed"})
        yield self.accept(
            "a field of the composed id absent", self.signed(self.event(body)), NO_ID, basis=RULE
        )


# ---- HMAC of some fields


class Noon(Provider):
    """The signature is a field of the body, and so is all that it covers."""

    preset = "noon"
    spelling = BASE64
    fields = ("orderId", "orderStatus", "eventId", "eventType", "timeStamp")

    def document(self, note: str) -> dict:
        return {
            "orderId": self.fresh.number(12),
            "orderStatus": "CAPTURED",
            "eventId": self.fresh.text(24),
            "eventType": "SALE",
            "timeStamp": "2026-09-21T14:13:20.0000000Z",
            "originalOrderId": "",
            "note": note,
            "signature": "@",
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        values = literals(event.body)
        text = ",".join(as_text(values[field]) for field in self.fields)
        signature = spell(hmac_sha512(secret, text)).replace("/", "\\/")
        body = swapped(event.body, '"@"', f'"{signature}"')
        return event.request().with_body(body)

    def identity(self, request: Request) -> Identity:
        return request.json("/eventId"), request.json("/eventType")

    def numbered(self, literal: str) -> Request:
        """A request whose orderId is this JSON number."""
        document = self.document(self.plain_note())
        body = swapped(
            self.encoded(document), f'"orderId":{document["orderId"]}', f'"orderId":{literal}'
        )
        return self.signed(self.event(body))

    def changed(self, old: str, new: str | bytes) -> Request:
        return self.good.with_body(swapped(self.good.body, old, new))

    def cases(self) -> Iterator[Case]:
        good = self.good
        order = self.base_literal("orderId")
        signature = f'"signature":{self.base_literal("signature")}'
        yield self.accept("well-formed", good)
        yield from field_body_cases(self)
        yield from number_cases(self)
        reordered = json.loads(self.base.body)
        reordered = dict(sorted(reordered.items(), reverse=True))
        yield self.accept(
            "fields in another order in the body",
            self.signed(self.event(self.encoded(reordered))),
            FIELDS,
        )
        yield self.accept(
            "a signed text spelled with \\u escapes after signing",
            self.changed('"CAPTURED"', '"\\u0043APTURED"'),
            "the text is signed, not how JSON spells it",
            basis=RULE,
        )
        yield self.reject(
            "order status changed after signing",
            self.changed('"CAPTURED"', '"REFUNDED"'),
            MISMATCH,
            FIELD_CHANGED,
        )
        yield self.accept(
            "an unsigned field changed",
            self.changed('"originalOrderId":""', '"originalOrderId":1'),
            UNTRUSTED,
        )
        yield from secret_cases(self)
        yield self.reject("signature absent", self.changed(signature, '"x":0'), MISSING)
        yield self.reject(
            "signature empty",
            self.changed(signature, '"signature":""'),
            MALFORMED,
            "signature empty",
        )
        yield self.reject(
            "signature is not in the documented form",
            self.changed(signature, '"signature":"%%%"'),
            MALFORMED,
        )
        cut = self.signed(self.base, spell=lambda tag: to_base64(tag)[:-4])
        yield self.reject("signature cut short", cut, MISMATCH)
        yield self.reject(
            "right digest in the wrong text encoding",
            self.signed(self.base, spell=to_hex),
            MISMATCH,
        )
        yield spelling_case(self)
        yield from field_damage_cases(self, f'"orderId":{order}')

    def base_literal(self, name: str) -> str:
        """The JSON text of a field of the good request, whose values hold no commas."""
        return self.good.body.decode().partition(f'"{name}":')[2].split(",")[0].rstrip("}")


def field_body_cases(p: Provider) -> Iterator[Case]:
    """Bodies spelled in several ways, where fields of the body are signed."""
    foreign = p.encoded(p.document(p.foreign_note()))
    yield p.accept(
        "non-ASCII text in an unsigned field",
        p.signed(p.event(foreign)),
        "the text is signed, not the bytes around it",
    )
    odd = p.oddly_encoded(p.document(p.foreign_note()))
    yield p.accept("pretty-printed body with escapes", p.signed(p.event(odd)), FIELDS)
    yield p.accept(
        "a newline appended to the body after signing",
        p.good.with_body(p.good.body + b"\n"),
        FIELDS,
    )


def number_cases(p: "Noon | Paymob") -> Iterator[Case]:
    """Numbers that come out different when a program reads and writes them."""
    zero = p.numbered("10.50")
    yield p.accept("signed number ends in a zero", zero, VERBATIM)
    yield p.reject(
        "signed number re-rendered after signing",
        zero.with_body(swapped(zero.body, ":10.50", ":10.5")),
        MISMATCH,
        VERBATIM,
    )
    yield p.accept("signed number with an exponent", p.numbered("1e2"), VERBATIM)
    yield p.accept(
        "signed number larger than a double holds",
        p.numbered("123456789012345678901234567890"),
        VERBATIM,
    )


def field_damage_cases(p: Provider, field: str) -> Iterator[Case]:
    """Bodies in which the signed values cannot be told. `field` is a signed one with its value."""
    name, _, value = field.partition(":")
    body = p.good.body
    yield p.reject(
        "a signed field absent",
        p.good.with_body(swapped(body, field, f'"x":{value}')),
        "missing_input",
    )
    yield p.reject(
        "a signed field is null",
        p.good.with_body(swapped(body, field, f"{name}:null")),
        "missing_input",
        basis=RULE,
    )
    yield p.reject(
        "a signed field given twice",
        p.good.with_body(swapped(body, field, f"{name}:1,{field}")),
        "malformed_body",
        "ambiguous: parsers differ in which of the two they take",
        basis=RULE,
    )
    yield p.reject("body is cut JSON", p.good.with_body(body[:-9]), "malformed_body")
    yield p.reject(
        "body is not valid UTF-8",
        p.good.with_body(swapped(body, field, joined('"x":"', b"\xff\xfe", f'",{field}'))),
        "malformed_body",
        basis=RULE,
    )


class Paymob(Provider):
    """Twenty fields of `obj`, one after another; the signature is in the query string."""

    preset = "paymob"
    fields = """
        amount_cents created_at currency error_occured has_parent_transaction id integration_id
        is_3d_secure is_auth is_capture is_refunded is_standalone_payment is_voided order/id owner
        pending source_data/pan source_data/sub_type source_data/type success
    """.split()

    def document(self, note: str) -> dict:
        transaction = {
            "id": self.fresh.number(9),
            "pending": False,
            "amount_cents": 10000,
            "success": True,
            "is_auth": False,
            "is_capture": False,
            "is_standalone_payment": True,
            "is_voided": False,
            "is_refunded": False,
            "is_3d_secure": True,
            "integration_id": 4242,
            "has_parent_transaction": False,
            "order": {"id": self.fresh.number(9), "merchant_order_id": note},
            "created_at": "2026-09-21T14:13:20.111111",
            "currency": "EGP",
            "source_data": {"pan": "2346", "type": "card", "sub_type": "MasterCard"},
            "error_occured": False,
            "owner": 302852,
            "parent_transaction": None,
        }
        return {"type": "TRANSACTION", "obj": transaction}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        transaction = literals(event.body)["obj"]
        text = "".join(at(transaction, field) for field in self.fields)
        return event.request(query=f"?hmac={spell(hmac_sha512(secret, text))}")

    def identity(self, request: Request) -> Identity:
        flags = ("pending", "success", "is_refunded", "is_voided")
        pieces = [request.json("/obj/id")]
        for flag in flags:
            pieces += [":", request.json(f"/obj/{flag}")]
        return together(*pieces), request.json("/type")

    def numbered(self, literal: str) -> Request:
        """A request whose amount is this JSON number."""
        body = swapped(self.event().body, '"amount_cents":10000', f'"amount_cents":{literal}')
        return self.signed(self.event(body))

    def changed(self, old: str, new: str) -> Request:
        return self.good.with_body(swapped(self.good.body, old, new))

    def asked(self, query: str) -> Request:
        """The good request with another query string."""
        return replace(self.good, url=self.good.url.split("?")[0] + query)

    def cases(self) -> Iterator[Case]:
        query = f"?{self.good.url.split('?')[1]}"
        wrong = self.signed(self.base, self.other).url.split("?")[1]
        yield self.accept("well-formed request", self.good)
        yield from field_body_cases(self)
        yield from number_cases(self)
        yield self.reject(
            "amount changed after signing",
            self.changed('"amount_cents":10000', '"amount_cents":10001'),
            MISMATCH,
            FIELD_CHANGED,
        )
        yield self.reject(
            "success flag flipped after signing",
            self.changed('"success":true', '"success":false'),
            MISMATCH,
            FIELD_CHANGED,
        )
        yield self.accept(
            "an unsigned field changed",
            self.changed('"parent_transaction":null', '"parent_transaction":7'),
            UNTRUSTED,
        )
        yield from secret_cases(self)
        absent, empty = self.asked(""), self.asked("?hmac=")
        yield self.reject("hmac absent", absent, MISSING)
        yield self.reject("hmac empty", empty, MALFORMED, "signature empty")
        yield self.reject(
            "hmac is not in the documented form", self.asked("?hmac=not-a-signature"), MALFORMED
        )
        yield self.reject("hmac cut short", self.asked(query[:-4]), MISMATCH)
        yield self.reject(
            "hmac given twice with different values",
            self.asked(f"?{wrong}&{query[1:]}"),
            "duplicate_parameter",
            basis=RULE,
        )
        yield self.accept(
            "other parameters around hmac",
            self.asked(f"?source=a%26hmac%3D0&{query[1:]}&HMAC=0"),
            "unknown parameters are ignored",
            basis=RULE,
        )
        base64_text = quote(to_base64(bytes.fromhex(query.removeprefix("?hmac="))), safe="")
        yield self.reject(
            "right digest in the wrong text encoding",
            self.asked(f"?hmac={base64_text}"),
            MALFORMED,
            WRONG,
        )
        yield from field_damage_cases(self, '"owner":302852')


class PhonePeV1(Provider):
    """The event is base64 in the field `response`; the digest covers that text and the salt key."""

    preset = "phonepe-v1"
    header = "X-VERIFY"

    def document(self, note: str) -> dict:
        payment = {"code": "PAYMENT_SUCCESS", "data": {"id": self.fresh.text(16), "note": note}}
        # A byte that gives base64 a slash, which some JSON writers escape.
        return {"response": to_base64(b'"??"' + json.dumps(payment).encode())}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        response = literals(event.body)["response"]
        tag = hashlib.sha256(joined(response, secret)).digest()
        return event.request(("X-VERIFY", f"{spell(tag)}###1"))

    def identity(self, request: Request) -> Identity:
        return None, None

    def cases(self) -> Iterator[Case]:
        good, name = self.good, self.header
        body = good.body.decode()
        yield self.accept("well-formed request", good)
        yield self.accept(
            "response holds non-ASCII text",
            self.signed(self.event(self.encoded(self.document(self.foreign_note())))),
            "the base64 text is signed",
        )
        odd = self.oddly_encoded(self.document(self.plain_note()))
        yield self.accept("pretty-printed body with escapes", self.signed(self.event(odd)), FIELDS)
        yield self.accept(
            "an unsigned field added",
            good.with_body(f'{{"x":"{self.foreign_note()}",{body[1:]}'.encode()),
            UNTRUSTED,
        )
        yield self.reject(
            "response changed after signing",
            good.with_body(swapped(good.body, '"response":"', '"response":"A')),
            MISMATCH,
            FIELD_CHANGED,
        )
        yield from secret_cases(self)
        yield from place_cases(self)
        yield spelling_case(self)
        yield self.accept(
            "another key index behind the digest",
            good.edited(name, lambda value: value.replace("###1", "###12")),
            "the index only names the key; every configured secret is tried",
        )
        yield self.accept(
            "no key index behind the digest",
            good.edited(name, lambda value: value.removesuffix("###1")),
            "the index is not looked at",
            basis=RULE,
        )
        yield self.reject("key index alone", good.with_value(name, "###1"), MALFORMED)
        yield from field_damage_cases(self, body[1:-1])


# ---- keyed digests


class Ppro(Provider):
    preset = "ppro"
    header = "Webhook-Signature"

    def document(self, note: str) -> dict:
        charge = {"id": f"charge_{self.fresh.text(20)}", "status": "CAPTURED", "note": note}
        event = f"event_{self.fresh.text(20)}"
        return {"id": event, "type": "PAYMENT_CHARGE_SUCCESS", "data": {"paymentCharge": charge}}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hashlib.sha256(joined(event.body, ".", secret)).digest()
        return event.request(("Webhook-Signature", spell(tag)))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/type")

    def own_cases(self) -> Iterator[Case]:
        keyed = hmac_sha256(self.secret, self.base.body).hex()
        yield self.reject(
            "HMAC instead of a digest with the secret inside",
            self.good.with_value(self.header, keyed),
            MISMATCH,
            "the secret is part of the text",
        )
        yield empty_body_case(self)


class GlobalPay(Provider):
    preset = "globalpay"
    header = "X-GP-Signature"

    def document(self, note: str) -> dict:
        return {
            "id": f"TRN_{self.fresh.text(30)}",
            "status": "CAPTURED",
            "amount": "1999",
            "currency": "EUR",
            "reference": note,
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hashlib.sha512(joined(event.body, secret)).digest()
        return event.request(("X-GP-Signature", spell(tag)))

    def identity(self, request: Request) -> Identity:
        status = request.json("/status")
        return together(request.json("/id"), ":", status), status

    def own_cases(self) -> Iterator[Case]:
        keyed = hmac_sha512(self.secret, self.base.body).hex()
        yield self.reject(
            "HMAC instead of a digest with the secret inside",
            self.good.with_value(self.header, keyed),
            MISMATCH,
            "the secret is part of the text",
        )
        body = self.encoded({"status": "PENDING", "reference": self.plain_note()})
        yield self.accept(
            "a field of the composed id absent", self.signed(self.event(body)), NO_ID, basis=RULE
        )


class PayUEurope(Provider):
    preset = "payu-eu"
    header = "OpenPayu-Signature"

    def document(self, note: str) -> dict:
        order = {
            "orderId": self.fresh.text(25),
            "status": "COMPLETED",
            "totalAmount": "21000",
            "currencyCode": "PLN",
            "description": note,
        }
        return {"order": order, "localReceiptDateTime": "2026-09-21T16:13:20.123+02:00"}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        tag = hashlib.md5(joined(event.body, secret)).digest()
        value = f"sender=checkout;signature={spell(tag)};algorithm=MD5;content=DOCUMENT"
        return event.request(("OpenPayu-Signature", value))

    def identity(self, request: Request) -> Identity:
        status = request.json("/order/status")
        return together(request.json("/order/orderId"), ":", status), status

    def own_cases(self) -> Iterator[Case]:
        name = self.header
        parts = self.right_value().split(";")
        yield self.accept(
            "elements in another order",
            self.good.with_value(name, ";".join(reversed(parts))),
            "order carries no meaning",
        )
        yield self.accept(
            "signature element only",
            self.good.with_value(name, parts[1]),
            "the other elements are not looked at",
            basis=RULE,
        )
        yield self.reject(
            "no signature element",
            self.good.with_value(name, ";".join([parts[0], *parts[2:]])),
            MALFORMED,
            "no usable signature",
        )
        reordered = hashlib.md5(joined(self.secret, self.base.body)).hexdigest()
        yield self.reject(
            "digest with the secret in front of the body",
            self.good.edited(name, lambda value: value.replace(parts[1][10:], reordered)),
            MISMATCH,
            "the secret is behind the body",
        )


# ---- credentials that never change


def credential_cases(p: Provider) -> Iterator[Case]:
    """For headers that have nothing to do with the rest of the request."""
    yield p.accept("well-formed request", p.good)
    foreign = p.encoded(p.document(p.foreign_note()))
    yield p.accept("body with non-ASCII text as UTF-8 bytes", p.signed(p.event(foreign)), UNCOVERED)
    odd = p.oddly_encoded(p.document(p.foreign_note()))
    yield p.accept(p.odd_body, p.signed(p.event(odd)), UNCOVERED)
    broken = p.signed(p.event(p.broken_body()))
    yield p.accept("body is not valid UTF-8", broken, UNCOVERED, basis=RULE)
    yield p.accept(
        "body changed: this scheme does not cover the body",
        p.good.with_body(with_last_digit_changed(p.good.body)),
        UNCOVERED,
    )
    yield from secret_cases(p)


def blanks_case(p: Provider) -> Case:
    return p.accept(
        "spaces and tabs around the header's value",
        p.good.edited(p.header, lambda value: f"\t {value}  "),
        BLANKS,
        basis=RULE,
    )


def placed_credential_cases(p: Provider) -> Iterator[Case]:
    """As `place_cases`, for values that have no text encoding."""
    good, name = p.good, p.header
    yield p.reject(f"{name} header absent", good.without(name), MISSING)
    yield p.reject(
        f"{name} header present but empty", good.with_value(name, ""), MALFORMED, "signature empty"
    )
    yield p.accept(
        "header names in another letter case",
        good.with_names_in_another_case(),
        "header names are case-insensitive",
    )
    yield p.reject(
        "signature header sent twice with different values",
        good.with_line_before(name, p.wrong_value()),
        DUPLICATE,
        basis=RULE,
    )
    yield blanks_case(p)


class TokenProvider(Provider):
    """One that sends the configured token as it is."""

    produced_by = CREDENTIAL

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request((self.header, secret))

    def cases(self) -> Iterator[Case]:
        yield from credential_cases(self)
        yield from placed_credential_cases(self)
        yield from self.token_cases()
        yield from self.own_cases()

    def token_cases(self) -> Iterator[Case]:
        for description, request in (
            ("token in another letter case", self.signed(self.base, self.secret.swapcase())),
            ("token cut short", self.signed(self.base, self.secret[:-4])),
            ("token with one more character", self.signed(self.base, f"{self.secret}0")),
            ("token in quotes", self.signed(self.base, f'"{self.secret}"')),
        ):
            yield self.reject(description, request, MISMATCH, "tokens compare exactly", basis=RULE)


class FlutterwaveV3(TokenProvider):
    preset = "flutterwave-v3"
    header = "verif-hash"

    def document(self, note: str) -> dict:
        charge = {"id": self.fresh.number(9), "amount": 100, "status": "successful", "note": note}
        return {"event": "charge.completed", "data": charge}

    def identity(self, request: Request) -> Identity:
        event = request.json("/event")
        charge, status = request.json("/data/id"), request.json("/data/status")
        return together(charge, ":", event, ":", status), event

    def own_cases(self) -> Iterator[Case]:
        body = b'{"event":"charge.completed","data":{"id":9007199254740993,"status":"failed"}}'
        yield self.accept(
            "number in the composed id larger than a double holds",
            self.signed(self.event(body)),
            "the number's literal in the body is used, never re-rendered",
        )
        without_status = b'{"event":"transfer.completed","data":{"id":1}}'
        yield self.accept(
            "a field of the composed id absent",
            self.signed(self.event(without_status)),
            NO_ID,
            basis=RULE,
        )


class Asaas(TokenProvider):
    preset = "asaas"
    header = "asaas-access-token"

    def document(self, note: str) -> dict:
        payment = {"object": "payment", "id": f"pay_{self.fresh.text(14)}", "description": note}
        event = f"evt_{self.fresh.text(32)}&{self.fresh.number(9)}"
        return {"id": event, "event": "PAYMENT_RECEIVED", "payment": payment}

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/event")


class Iugu(FormProvider, TokenProvider):
    """The merchant chooses the whole value of `Authorization`."""

    preset = "iugu"
    header = "Authorization"

    def document(self, note: str) -> dict[str, str]:
        return {
            "event": "invoice.status_changed",
            "data[id]": self.fresh.text(32),
            "data[status]": "paid",
            "data[payer_name]": note,
        }

    def identity(self, request: Request) -> Identity:
        event = request.form("event")
        invoice, status = request.form("data[id]"), request.form("data[status]")
        return together(invoice, ":", event, ":", status), event

    def own_cases(self) -> Iterator[Case]:
        unescaped = self.base.body.replace(b"%5B", b"[").replace(b"%5D", b"]")
        yield self.accept(
            "field names with brackets that are not escaped",
            self.good.with_body(unescaped),
            UNCOVERED,
        )
        yield self.accept(
            "a field of the composed id absent",
            self.good.with_body(b"event=invoice.created&data%5Bid%5D=1"),
            NO_ID,
            basis=RULE,
        )
        yield self.reject(
            "token behind a scheme word that is not configured",
            self.good.edited(self.header, lambda value: f"Bearer {value}"),
            MISMATCH,
            "the whole value is the token",
            basis=RULE,
        )


class Belvo(TokenProvider):
    """The token stands behind `Bearer`."""

    preset = "belvo"
    header = "Authorization"

    def document(self, note: str) -> dict:
        return {
            "webhook_id": self.fresh.text(32),
            "webhook_type": "PAYMENT_INTENT",
            "webhook_code": "STATUS_UPDATE",
            "object_id": self.fresh.text(24),
            "data": {"status": "SUCCEEDED", "description": note},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("Authorization", f"Bearer {secret}"))

    def identity(self, request: Request) -> Identity:
        code = request.json("/webhook_code")
        subject, status = request.json("/object_id"), request.json("/data/status")
        kind = together(request.json("/webhook_type"), ".", code)
        return together(subject, ":", code, ":", status), kind

    def own_cases(self) -> Iterator[Case]:
        yield self.accept(
            "scheme word in another letter case",
            self.good.with_value(self.header, f"bEARER {self.secret}"),
            SCHEME_WORD,
            basis=RULE,
        )
        for description, value in (
            ("scheme word alone", "Bearer "),
            ("token without the scheme word", self.secret),
            ("another scheme word", f"Digest {self.secret}"),
        ):
            yield self.reject(description, self.good.with_value(self.header, value), MALFORMED)
        body = b'{"webhook_type":"ACCOUNTS","webhook_code":"historical_update","object_id":"1"}'
        yield self.accept(
            "a field of the composed id absent", self.signed(self.event(body)), NO_ID, basis=RULE
        )


class PagarmeV5(Provider):
    """HTTP Basic."""

    preset = "pagarme-v5"
    header = "Authorization"
    produced_by = CREDENTIAL
    spelling = replace(BASE64, write=lambda credentials: f"Basic {to_base64(credentials)}")

    def make_secret(self) -> str:
        # A colon belongs to the password from the second one on.
        return f"user_{self.fresh.text(6)}:pa:ss-{self.fresh.text(12)}"

    def document(self, note: str) -> dict:
        order = {"id": f"or_{self.fresh.text(16)}", "status": "paid", "note": note}
        return {"id": f"hook_{self.fresh.text(16)}", "type": "order.paid", "data": order}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("Authorization", spell(secret.encode())))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/type")

    def cases(self) -> Iterator[Case]:
        yield from credential_cases(self)
        yield from placed_credential_cases(self)
        user, _, password = self.secret.partition(":")
        for description, credentials in (
            ("wrong user", f"x{user}:{password}"),
            ("wrong password", f"{user}:{password[:-1]}"),
            ("password in another letter case", f"{user}:{password.swapcase()}"),
            ("user alone, password empty", f"{user}:"),
        ):
            yield self.reject(
                description,
                self.signed(self.base, credentials),
                MISMATCH,
                "user and password compare exactly",
            )
        yield self.accept(
            "scheme word in another letter case",
            self.good.edited(self.header, lambda value: value.replace("Basic", "bASIC")),
            SCHEME_WORD,
            basis=RULE,
        )
        foreign = "usuário:señal€"
        yield self.accept(
            "user and password with non-ASCII text",
            self.signed(secret=foreign),
            "everything is bytes, texts are UTF-8",
            secrets=(foreign,),
            basis=RULE,
        )
        for description, value in (
            ("another scheme word", f"Bearer {to_base64(self.secret.encode())}"),
            ("credentials without the scheme word", to_base64(self.secret.encode())),
            ("credentials that are not base64", f"Basic {self.secret}"),
            ("credentials without a colon", f"Basic {to_base64(user.encode())}"),
            ("scheme word alone", "Basic"),
        ):
            yield self.reject(description, self.good.with_value(self.header, value), MALFORMED)


class PhonePeV2(Provider):
    """A digest of user and password alone: a credential in the form of a digest."""

    preset = "phonepe-v2"
    header = "Authorization"

    def make_secret(self) -> str:
        return f"user_{self.fresh.text(8)}:pass-{self.fresh.text(16)}"

    def document(self, note: str) -> dict:
        order = {
            "merchantOrderId": note,
            "orderId": f"OMO{self.fresh.number(19)}",
            "state": "COMPLETED",
            "amount": 10000,
        }
        return {"event": "checkout.order.completed", "payload": order}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("Authorization", spell(hashlib.sha256(secret.encode()).digest())))

    def identity(self, request: Request) -> Identity:
        event = request.json("/event")
        order, state = request.json("/payload/orderId"), request.json("/payload/state")
        return together(order, ":", state, ":", event), event

    def cases(self) -> Iterator[Case]:
        yield from credential_cases(self)
        yield from place_cases(self)
        yield spelling_case(self)
        yield blanks_case(self)
        user, _, password = self.secret.partition(":")
        for description, credentials in (
            ("made of another user", f"x{user}:{password}"),
            ("made of another password", f"{user}:{password}0"),
            ("made of user and password without the colon", f"{user}{password}"),
        ):
            yield self.reject(
                description,
                self.signed(self.base, credentials),
                MISMATCH,
                "user, colon and password are the text",
            )
        yield self.reject(
            "user and password themselves, as HTTP Basic sends them",
            self.good.with_value(self.header, f"Basic {to_base64(self.secret.encode())}"),
            MALFORMED,
        )
        body = b'{"event":"pg.refund.completed","payload":{"state":"COMPLETED"}}'
        yield self.accept(
            "a field of the composed id absent", self.signed(self.event(body)), NO_ID, basis=RULE
        )


# ---- RSA

KEYS = [
    serialization.load_pem_private_key(pem.encode(), password=None)
    for pem in (
        """\
-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC0eSob8mLCcUEE
g17bqWr+oByG891a7qRGdLwH+h2HoIubEMJjX7KeeXAQRZhlHgTPHr8nucaBsAKe
EC/hGZ3BzwLssuh+GCEMk/4jHZRXMXEJ9htKAHctRMLBTj2YB1CxWESEU/bh87m2
cKfFvHWvNZ9oM6m8XpZgBBeUB7rAJ/HCFeQZ7tlsskBRSusE9x4ikahvzWAoHV8b
Z3o4gwvVw35wNOUva3mtJqYLbwNqCUSl+JE8HaJMi+YGtl5w37EB0vSsLu69sIe5
1QQ7+oeYTgCSIqN17nF0CBrTh0VoEUVDcZYrKJdAxxhZPr3k3gEBg4Ek4HV0OX7u
8Cxq8Ol9AgMBAAECggEAQYi2B8vunNjvWSozKeTNW4Tclwy61qhNst/035itXHCq
ATcGv3siq3VBgkcjXaSW7nclxtEpCjLV4HvURxM8PAJl93nH/vHYHm8nG61EDp1/
hLR/mFGu9RtA9Vzp9OjDHoME7mBnCAmu6FbkNWOIAIWiSv5npmVaiacywKhF4jyC
opbx6ljBHTDDPQdp0QYZY6zFgkasJGNUeyBAAGBm21UDYZy1NyOyPEDumw/kRwHT
lG1X5v8GhJSOa7jAlQNo4ZFzunjNQSEmh/90f3/WWZ39H1gwEoOabQVSfBjxs84B
ylrkUSy+LpoFiQeKoN1lwM7XNKu+/qzhGwVl231TqQKBgQDkb4erV2crON++z7+U
ErxPimWCz1SSzgGzfDh3/QiRhPwGRoAno7qiz1tPoeF5fb9Fl0ISQFjlV3gJPKAQ
n7zPuGMeMOQ2DwwqZyvbW4eRD8izMycgEwEOHbpFYG7xMnLbWMNrHYtW4aSl73iH
0aUPRQdvfl9U5Kg6Dw4qni3eEwKBgQDKQA7D0K3lWC7XVErflFz9LPFg3cO1+dY2
aAjJeHeq62IV9uNU7DdVKBIs3jhezGdQbBjVudafL4VMFJm18wABnM03ysgsxlM3
QGUrNiis5TN/GRbtygchdAonno9vVMDXVcsTiYagDaLB5csTwVabI3e+kSbguRd0
8FYA1/rMLwKBgQCubSMRCCo07LacQpGshSnZKnociiev+TF/Vajgpgt24i52tDqD
Chgm3WKBycAbPpNglgDTYuL+K+3yT6KBTxejHM5CbV60kITfk+v/EULQ11aOzs5f
RWOW3cgv1VShQ75EEuEU13hgHOfV9Kb6PnBk2na1Aa/VaMuzmW9dx26KlQKBgB95
fpK8rANQCOIbzRckSKBh2SKhAG8WdV68K/nmlID15qrSZCh4JlhLRyDSaGVgXAeo
+uhv5lWZmJ3xasZlDbAyjcFL/oDxUEv96oCiCgx2EuCJsAbLdPagz1/BDkNeJjCc
umDM+zV3ScfxEfx+DxNPnrf6cNlyFJNvP4McGXyjAoGBANXfheQEvuAvYxiDfdTY
elJq9GUtcpiUGMnVxV5U1/EbOEsA5hFjn1oBvCItNebyFVwj3xV+jrdEbXoobuFV
xHai8IutUhbHBf3mtMXgbnE84pKCHwgCRrmIdQAGYZrwga/l5dq78+de5Tibat3P
qGpLmB7tytVWWHPsrPy3hl3v
-----END PRIVATE KEY-----
""",
        """\
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDH/E9R7KY1IcV1
fdbQvmM5+8tPGAsvYNWsDol7WDs6B/xNJlvSovNJsBBafWVAx4U8w+iPiYcHGKgf
1G1mab7CJbE3ttPPcvSECCO72xPqLt/Nz7mwdS8aUk2PLqJNvnV6l3fVA0PgXkET
oco2WEOoe6oLVoqjwTSIWINPJCu80tJW1nU8PRl7vBAtEpSvxFdS0+XBDo90Whmt
9enrnHpaz6/urbPd0Qdp25WY3LE8E3Q8Vc5gpihi6OLFIvQEjJcVEObQYNDsVhsN
vocEaX9204DbQgnyiyT5NujdBCnC3IUY9O/G0JKhAPewifMA3EjXwL5nd1g92PT9
xAX2GGcPAgMBAAECggEACt57kLO+ubGkvkhS7ftz45emjlZCwOtzLfLdpchpuWxB
doFN+ywugJzfaHD3mUZF4+AhejAXNPfcpunFf++MeV7RgpatF7UqSn3ciYw312yb
NfxDAXYM/lIDCOW0SMBOOSQG/ykd75+6dfJbsXtUJnxkzIoQyj+h02XnsYar2lJF
ZXC8hsGUUP38+Xo5t4x1yZI+E8qh/8LrYoqJCPFcd01h528FFsc2hPcX5xuWCNFI
C/QmV87HdoOKMToNl8ffxgL0WoDzQndmnczoM68DAUIKhe8e/SPJbgoCVRgby8Qe
GOmgQb8wN95xVvN59XsQ+d1Jtac83RmMZe8Iho3hgQKBgQD2uz3p+fSo0U+688/q
LUNuCX7GUBaslDaJEf1SmY8z4/KDdBHDveFZXN1Ov0KBhW3V5ccnR5aNdvnEfldA
l79hDZnqXqZnKkqL2sNzp5/l7TIqiAEcvoDR8xl1CyUcbgm1fEhlWus5FOEXc+XB
1tpfZGoQqF6JWZplW3Ae5C4oTwKBgQDPf4Y6HKucOA+avw5B5Xl58EPXyFBHpMdN
fNca8pfnI2pfEvWQkMT/nNZA6PzZMMZQZWF0s+V3/qcLNx4y6/9Wfddtk+bEY/ss
sjRXaioO8Oo5H33OxEeQ8zqlStDs1pcu2y68kb2NG35ZP7yy6X0TXWgaMpEoFZtW
AYsHALdlQQKBgQCfIvm2Fc/lqstAC82IfxVEvb8U7ccSHK5oDkBTrFOe5mEexBhJ
JglY9/qNtfKRU5waIBApl5TVPW2vfMWOFdIMKRejANVXKQHX3ou95tnNFQYMRJhj
D8RKpf8/bKbNBXQhqD2RkeixcnQUCl6gfZFvgXafs9j1weNBiI5yfj3/JQKBgHTI
TC5mtns83iN1Bjw2P/FONZC7z9sStY06BwLGqJHRT+vkisrrf8Rxa/CqcKx4lBTp
ijkZirvHWhKo2dlFE7eFKfslM8syjkownd7ZBITWOK0fuTnnJHRDQK2I9x9lAz++
4oYE7I7/e1QV2ElFujxs5MthzGqoBn4Ybjvpvk5BAoGASF1ee/ea/WUHseTp3eWx
I3y4T0qAPutH89NL5UpY4L1YWUHfKpUnYLpTfiOocX3kkxohwTir0DjmiewLNgGV
58rp3BN5HUW7vvhZ7DPp0Jz9VMPC+htsgpLm0euwy9bp241Rn5facWiXc1wbNm5O
ZjKVO6iL+insX1g5J+u/5+c=
-----END PRIVATE KEY-----
""",
        # Of 1024 bits.
        """\
-----BEGIN PRIVATE KEY-----
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAN67gOW66PgedDof
/zEC7RD5o51b0ImM/JRSpGRxjN2BbiMyfCbvp141WbSAtt1KN5UOri7KBENFoDH8
t9z+liWHYi7RsQ12/ZTq3jNxTlFQ6x1iSArXltVqlbWbKnbxLRKDziJBfUVV5hqA
tZ2gCAcicPiUtghPuQcvioLj9xZfAgMBAAECgYEAsPebr2v1hIZ15GTd1qwzfaRL
ilCT/WYmnRaYhTHvMWOQBaksGaeafHC5KICISoSYavcyD/z0rBqa8HyR/aXN1uH4
gON7b25wjImdje/5Xgc9Xma1yZ7ZoI/F8lPgh/2v6lvmAgx5aPkS4KxcDI59asUk
NaskYyZgFvYLaL4JMZkCQQD2fxkZe9pVemHYElGti8pV08KX9XyYUS47iAFZe4EK
n5Os5ErSm93IlfSwRHOztM2ZBGrcFxk1ihFenOC69xyjAkEA51HbK6/La7rjJHIZ
+Iudy3Cbq9NJ/XmkPyv6hammylGJBvHL5Z+IaR1X3xleJGGxPNoNQn//sPZU9jyZ
434fFQJBAKscc5oDJf8sY3uQy+5DGgQWagD+wq0hvYxJz1YErAFp4SOlnmMxG/ZA
UomCGydmnUpZjKyXxEIsQ/5/vGlNXS0CQHUj+r1w1K7FgWlfbs9yxIHVkL++y+VU
yFxFRSSS+SfTinS91ed+lnHErk8IZag+4KZUNgrLDwzqcbQQlE2j/NECQDoZqaDe
6E8UqwlFEyjfz+/Jx7lvuJMPSfXNfoJb3xJazOTCnPQXecibcoaLBl2cQXp2zk0p
ot2p8ZhGZ5KreFw=
-----END PRIVATE KEY-----
""",
    )
]
"""Throw-away private keys, kept so that the same signatures come out on every run."""


def public_pem(key: RSAPrivateKey, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    encoding = serialization.Encoding.PEM
    return key.public_key().public_bytes(encoding, form).decode()


PRIVATE = {
    public_pem(key, form): key
    for key in KEYS
    for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
}
"""The private key of each public key, by its PEM."""

SMALL = public_pem(KEYS[2])


def rsa_sha256(public: str, body: bytes) -> bytes:
    return PRIVATE[public].sign(body, padding.PKCS1v15(), hashes.SHA256())


class RsaProvider(Provider):
    """One that signs the raw body with a private key; the secret is the public one."""

    spelling = RSA_BASE64
    produced_by = RSA
    another_secret = "signed by another private key"

    def __init__(self) -> None:
        self.publics = iter(public_pem(key) for key in KEYS)
        super().__init__()

    def make_secret(self) -> str:
        return next(self.publics)


class Wise(RsaProvider):
    preset = "wise"
    header = "X-Signature-SHA256"

    def own_headers(self) -> tuple[Header, ...]:
        return (("X-Delivery-Id", self.fresh.text(32).lower()),)

    def document(self, note: str) -> dict:
        resource = {"type": "transfer", "id": self.fresh.number(8), "note": note}
        return {
            "data": {"resource": resource, "current_state": "processing"},
            "subscription_id": self.fresh.text(24),
            "event_type": "transfers#state-change",
            "schema_version": "2.0.0",
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-Signature-SHA256", spell(rsa_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return request.header("X-Delivery-Id"), request.json("/event_type")

    def own_cases(self) -> Iterator[Case]:
        yield from id_header_cases(self, "X-Delivery-Id")
        test = replace(self.base, headers=(*self.base.headers, ("X-Test-Notification", "true")))
        yield self.accept("test notification", self.signed(test), "it is signed like any other")
        pkcs1 = public_pem(KEYS[0], PublicFormat.PKCS1)
        assert pkcs1.startswith("-----BEGIN RSA PUBLIC KEY-----")
        yield self.accept(
            "public key in the form of PKCS#1",
            self.good,
            "both PEM forms of an RSA key are taken",
            secrets=(pkcs1,),
            basis=RULE,
        )
        of_small = self.signed(secret=SMALL)
        yield self.accept(
            "public key of 1024 bits",
            of_small,
            "shorter keys than today's are taken: one provider has no other",
            secrets=(SMALL,),
            basis=RULE,
        )
        yield self.accept(
            "rotation: keys of different lengths",
            of_small,
            ANY_SECRET,
            secrets=(self.secret, SMALL),
        )


class Conekta(RsaProvider):
    preset = "conekta"
    header = "DIGEST"

    def document(self, note: str) -> dict:
        order = {"id": f"ord_{self.fresh.text(17)}", "amount": 40000, "note": note}
        event = self.fresh.bytes(12).hex()
        return {"data": {"object": order}, "livemode": False, "id": event, "type": "order.paid"}

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("DIGEST", spell(rsa_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        return request.json("/id"), request.json("/type")

    def own_cases(self) -> Iterator[Case]:
        yield empty_body_case(self)
        of_small = rsa_sha256(SMALL, self.base.body)
        yield self.reject(
            "signature of a shorter key",
            self.good.with_value(self.header, to_base64(of_small)),
            MISMATCH,
        )


class Chip(RsaProvider):
    preset = "chip"
    header = "X-Signature"

    def document(self, note: str) -> dict:
        return {
            "id": self.fresh.text(36).lower(),
            "type": "purchase",
            "event_type": "purchase.paid",
            "status": "paid",
            "purchase": {"total": 100, "currency": "MYR", "notes": note},
        }

    def sign(self, event: Event, secret: str, spell: Spell) -> Request:
        return event.request(("X-Signature", spell(rsa_sha256(secret, event.body))))

    def identity(self, request: Request) -> Identity:
        event = request.json("/event_type")
        return together(request.json("/id"), ":", event), event

    def own_cases(self) -> Iterator[Case]:
        private, body = PRIVATE[self.secret], self.base.body
        # Without salt, so that the same signature comes out on every run.
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=0)
        for description, signature in (
            ("right key, but SHA-1", private.sign(body, padding.PKCS1v15(), hashes.SHA1())),
            ("right key, but padded as PSS", private.sign(body, pss, hashes.SHA256())),
        ):
            yield self.reject(
                description,
                self.good.with_value(self.header, to_base64(signature)),
                MISMATCH,
                "PKCS#1 v1.5 with SHA-256 is the scheme",
            )
        partial = self.encoded({"event_type": "purchase.created", "notes": self.plain_note()})
        yield self.accept(
            "a field of the composed id absent", self.signed(self.event(partial)), NO_ID, basis=RULE
        )


# ---- the file

PROVIDERS = [
    Polar,
    Fintoc,
    PayMongo,
    CoinbaseCdp,
    Finix,
    Nmi,
    Omise,
    Airwallex,
    BlueSnap,
    Primer,
    DLocal,
    LemonSqueezy,
    Dwolla,
    ModernTreasury,
    Komoju,
    Cryptopay,
    Klarna,
    Silverflow,
    AuthorizeNet,
    BtcPay,
    PayloadCom,
    WooCommerce,
    FlutterwaveV4,
    WorldlineDirect,
    PagarmeLegacy,
    Noon,
    Paymob,
    Ppro,
    GlobalPay,
    PhonePeV1,
    PayUEurope,
    PhonePeV2,
    FlutterwaveV3,
    Asaas,
    Iugu,
    Belvo,
    PagarmeV5,
    Wise,
    Conekta,
    Chip,
]

# Libraries of the providers whose own verifier was run on the vectors, with its clock set to NOW.
# The numbers are those of vectors that do not count: it could not be run on them, or is laxer or
# stricter than the rules. To be run again when cases are added or change places.
CHECKED: dict[str, dict[str, set[int]]] = {
    # The Python one accepts future times and refuses elements without `=`; both take the last `t`.
    "fintoc": {
        "fintoc 2.26.0 (Python)": {4, 9, 14, 18, 22, 23},
        "fintoc 1.15.0 (Node)": {4, 14, 22},
    },
    "polar": {"polar-sdk 1.0.2 (Python)": {4, 14}, "@polar-sh/sdk 0.49.0 (Node)": {4, 14}},
    # It always compares the live element, so that only live mode can be told from a refusal.
    "paymongo": {"paymongo-python 0.2.1": {*range(1, 26)} - {21}},
    "modern-treasury": {
        "modern-treasury 1.80.0 (Python)": {4, 17},
        "modern-treasury 3.3.0 (Node)": {4, 17},
    },
    # Both look the secret up by the key id.
    "worldline-direct": {
        "onlinepayments-sdk-python3 10.3.0": {18},
        "onlinepayments-sdk-nodejs 6.2.0": {18},
    },
    "phonepe-v2": {"phonepe-pg-sdk-python 3.0.1": {15}, "pg-sdk-node 2.0.2": {15}},
}


def libraries(preset: str, number: int) -> list[str]:
    """Those whose verifier gave the answer that this vector expects."""
    checked = CHECKED.get(preset, {})
    return [library for library, others in checked.items() if number not in others]


def vector(provider: Provider, number: int, case: Case) -> dict:
    request = case.request
    try:
        body = {"body": request.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": to_base64(request.body)}
    if case.code is None:
        event_id, event_type = provider.identity(request)
        verdict = {"event_id": event_id, "event_type": event_type}
    else:
        verdict = {"reason_code": case.code}
    return {
        "id": f"{provider.preset}-{number:02}",
        "provider": provider.preset,
        "description": case.description,
        "secrets": case.secrets,
        "config": case.config,
        "method": "POST",
        "url": request.url,
        "headers": request.headers,
        **body,
        "now": NOW,
        "tolerance_s": case.tolerance,
        "expect": "accept" if case.code is None else "reject",
        "reason": case.reason,
        "basis": case.basis,
        **verdict,
        "produced_by": provider.produced_by,
        "checked_with": libraries(provider.preset, number),
    }


def file_text() -> str:
    providers = [provider() for provider in PROVIDERS]
    vectors = (
        vector(provider, number, case)
        for provider in providers
        for number, case in enumerate(provider.cases(), start=1)
    )
    lines = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in vectors)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare only")
    text = file_text()
    if not parser.parse_args().check:
        FILE.write_text(text, encoding="utf-8", newline="\n")
        return 0
    if FILE.exists() and FILE.read_bytes() == text.encode():
        return 0
    print(f"{FILE.name} is not what this script writes; run it without --check", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
