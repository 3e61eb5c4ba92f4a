"""An object store for tests: moto's S3 on a real socket, with the credentials and address in the environment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import s3fs
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

BUCKET = "films"
_NOT_IMPLEMENTED = b"<Error><Code>NotImplemented</Code><Message>No conditional writes.</Message></Error>"


class ObjectStore:
    """The store; as some S3-compatible stores do, it refuses conditional writes, or writes without the condition.

    The first where `has_conditions` is False, the second where `ignores_conditions` is True.
    """

    def __init__(self) -> None:
        self.has_conditions = True
        self.ignores_conditions = False
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=MotoRequestHandler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        httpx.post(f"{self.url}/moto-api/reset").raise_for_status()  # moto keeps one state a process

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_IF_NONE_MATCH" in environ and not self.has_conditions:
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            start("501 Not Implemented", [("Content-Length", str(len(_NOT_IMPLEMENTED)))])
            return [_NOT_IMPLEMENTED]
        if self.ignores_conditions:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        return self._app(environ, start)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run a store with one bucket, that fsspec finds by `s3://films/…`, in child processes too."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = ObjectStore()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", store.url)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir(BUCKET)
        try:
            yield store
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            store.stop()
