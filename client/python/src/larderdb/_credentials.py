"""What proves to a server who calls: an API key, a token, a client certificate."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import grpc

from larderdb.errors import InvalidArgumentError

_LOOK_EVERY = 1.0  # seconds between two looks at the file of a key


class Key:
    """A key that is sent with every call: given, in a file, or in a variable.

    The file is read again when it has changed, so that keys can be replaced while a
    program runs.
    """

    def __init__(self, key: str | None, key_file: str | os.PathLike[str] | None) -> None:
        if key is not None and key_file is not None:
            raise InvalidArgumentError("key and key_file are both given; give one of them", "BAD_ARGUMENT")
        self._file: Path | None = None
        self._text = ""
        self._modified = -1
        self._looked = 0.0
        self._lock = threading.Lock()
        if key is not None:
            self._text = _checked(key, "key")
            return
        key_file = key_file or os.environ.get("LARDER_KEY_FILE") or None
        if key_file is not None:
            self._file = Path(key_file)
            self._read()
        elif os.environ.get("LARDER_KEY"):
            self._text = _checked(os.environ["LARDER_KEY"].strip(), "LARDER_KEY")

    def _read(self) -> None:
        assert self._file is not None
        self._looked = time.monotonic()
        try:
            modified = self._file.stat().st_mtime_ns
            if modified == self._modified:
                return
            text = self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgumentError(f"the key file {self._file} can't be read: {error}", "BAD_ARGUMENT") from None
        self._text, self._modified = _checked(text, f"the key in {self._file}"), modified

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The header of a call."""
        if self._file is not None and time.monotonic() - self._looked > _LOOK_EVERY:
            with self._lock:
                try:
                    self._read()
                except InvalidArgumentError:
                    pass  # it is being replaced; the key before may still count
        return (("authorization", f"Bearer {self._text}"),) if self._text else ()


def _checked(text: str, what: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidArgumentError(f"{what} is not one; write what larder keys create printed", "BAD_ARGUMENT")
    return text


def channel(
    tls: bool, root_certificates: bytes | None, client_certificate: bytes | None, client_key: bytes | None
) -> grpc.ChannelCredentials | None:
    """Return how a channel is encrypted; None for one that isn't."""
    if (client_certificate is None) != (client_key is None):
        raise InvalidArgumentError("client_certificate and client_key go together; give both or neither", "BAD_ARGUMENT")
    if not tls and root_certificates is None and client_certificate is None:
        return None
    return grpc.ssl_channel_credentials(root_certificates, client_key, client_certificate)
