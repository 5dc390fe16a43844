"""The client for ordinary code."""

from __future__ import annotations

from types import TracebackType

from larderdb._client.checking import Checking
from larderdb._client.definitions import Definitions
from larderdb._client.models import Models
from larderdb._client.running import Running
from larderdb._client.scoring import Scoring
from larderdb._client.streaming import Streaming
from larderdb._client.training import Training


class Client(Scoring, Definitions, Models, Running, Checking, Training, Streaming):
    """A connection to a Larder server. Safe for use by several threads.

    Args:
        addr: the server, as ``HOST`` or ``HOST:PORT`` of its gRPC, whose port is 6570
            when not given; the variable ``LARDER_ADDR`` when there is no address, and
            else ``127.0.0.1:6570``. ``dns:///HOST:PORT`` and gRPC's other schemes are
            taken as they are.
        key: an API key, or a token of the server's OIDC provider, if the server wants one.
        key_file: instead, a file that has it, which is read again when it changes. When
            neither is given: the file in ``LARDER_KEY_FILE``, or the key in ``LARDER_KEY``.
        tls: whether the server has a certificate.
        root_certificates: PEM of who is trusted to have signed it; the system's
            when not given. Implies ``tls``.
        client_certificate: PEM of a certificate that proves who calls, with
            ``client_key``, PEM of its key. Implies ``tls``.
        timeout: how many seconds one request for features or scores may take.
        priority: ``"critical"``, ``"default"``, ``"batch"`` or ``"shadow"``: which requests a
            server that has too many refuses last. It may be capped by the caller's role.

    Example:
        >>> with larderdb.Client("localhost") as client:
        ...     client.score("late", {"courier_id": [7, 4711], "km": [1.5, 9.0]}).scores
        [0.0056, 0.9991]

    Whatever takes rows takes them as a mapping of lists, a pandas or polars
    DataFrame, or a pyarrow Table, and answers in the same shape.

    Every method raises :class:`larderdb.LarderError`, whose text is what is wrong, and
    what to do. What is only probably wrong is raised as a
    :class:`larderdb.LarderWarning`.
    """

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
