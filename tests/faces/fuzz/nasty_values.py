"""What hostile clients and unlucky people write where a value is expected."""

from typing import Any

from hypothesis import strategies as st

WORST = ("a\x00b", "9" * 25)
"""What broke programs most often; tried in every part of every route."""

WORST_DAYS = ("0001-01-01", "9999-12-31")
"""The same, where a day or moment is expected."""

NASTY = (
    *WORST,
    *WORST_DAYS,
    "\x00",
    "\ud800",
    "9" * 5000,
    "\x1f",
    "\x7f",
    "\x85",
    "\ufeff",
    "\u202e",
    "\u2028",
    "a\r\nb",
    "\ufffd",
    "\U0001f600" * 50,
    "１２３",
    "９" * 25,
    "٣",
    "²",
    "½",
    "－１",
    "-1",
    "+1",
    " 1",
    "1_0",
    "0",
    "1.0",
    "1e9",
    "0x1",
    "NaN",
    "Infinity",
    str(2**31),
    str(2**63),
    "0001-01",
    "9999-12",
    "0000-00-00",
    "2026-02-30",
    "2026-W01-1",
    "20260302",
    "２０２６－０３－０２",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-03-02T02:00:00+99:99",
    "1_1700000000000000_" + "9" * 30,
    "2_999999999999999999_1",
    "x" * 70_000,
    "",
    " ",
    "%",
    "%(x)s",
    "{0}",
    "{",
    "'",
    '"',
    "\\",
    "\\000",
    '"\\000"',
    "a;b=c",
    "..",
    "../..",
    "//[",
    "http://[",
    "null",
    "true",
    "*",
    '"1"',
    'W/"' + "9" * 30 + '"',
    "bytes=0-",
    "Basic \xff",
    "Basic AAAA",
    "Basic YQBiOmM=",
    "Bearer",
    "zh;q=" + "9" * 400,
    "zh;q=nan",
    "multipart/form-data",
    "multipart/form-data; boundary=frontier; charset=utf-7",
    "multipart/form-data; boundary=frontier; charset=undefined",
    "multipart/form-data; boundary=frontier; charset=unicode_escape",
    "multipart/form-data; boundary=" + "b" * 5000,
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded; charset=undefined",
    "[" * 3000,
)

texts = st.sampled_from(NASTY) | st.text(max_size=60)

_PIECES = st.sampled_from(
    (None, True, False, 0, -1, 2**31, 2**63, 10**25, -(10**25), 1.5, [], {}, [None], {"": None})
)
_WRITTEN = st.sampled_from(
    (b"1e400", b"-0", b"NaN", b"9" * 5000, b"[" * 3000, b'{"a":1,"a":2}', b"\xff", b"")
)

json_values: st.SearchStrategy[Any] = st.one_of(
    texts,
    _PIECES,
    _WRITTEN,
    st.recursive(_PIECES | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
)
