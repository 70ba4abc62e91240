"""A mail relay that misbehaves in the way it is told to, on a real socket."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedRWPair

_USUAL = {
    "EHLO": "250-relay\r\n250 AUTH PLAIN",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    ".": "250 kept",
    "AUTH": "235 welcome",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}


@contextmanager
def misbehaving_relay(replies: Mapping[str, str]) -> Iterator[str]:
    """The address of a relay that answers these commands so; an empty answer breaks the connection off."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, {**_USUAL, **replies}))
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join(10)


def _serve(listening: socket.socket, replies: Mapping[str, str]) -> None:
    connection, _peer = listening.accept()
    with connection, connection.makefile("rwb") as talk:
        if not _say(talk, replies.get("hello", "220 relay")):
            return
        in_text = False
        while line := talk.readline():
            word = line.decode().strip().upper().split(" ")[0]
            if in_text and word != ".":
                continue
            if not _say(talk, replies.get(word, "500 what")):
                return
            in_text = word == "DATA" and replies["DATA"].startswith("354")


def _say(talk: BufferedRWPair, reply: str) -> bool:
    if reply:
        talk.write(f"{reply}\r\n".encode())
        talk.flush()
    return bool(reply)
