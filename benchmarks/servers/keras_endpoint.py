"""FastAPI around Keras: as tutorials write it, or with care.

The tutorials' (naive) decodes and calls `model.predict` on the event loop. The careful one calls a traced `tf.function`
in FastAPI's thread pool. Both decode by OpenCV; INTER_AREA only because the answers are compared.
"""

from __future__ import annotations

import sys
from typing import Any

import cv2
import keras
import tensorflow as tf
import uvicorn
from fastapi import FastAPI, UploadFile

from app.inference.artifact import Entry, find_entry
from benchmarks.films import STORE
from benchmarks.servers.entry import answer, make_read


def build(entry: Entry, *, careful: bool) -> FastAPI:
    """Return the application."""
    whole = keras.saving.load_model(entry.folder / "model.keras")
    network = keras.Model(whole.inputs, whole.get_layer("logit").output)
    read = make_read("cv2", entry.manifest.shape)
    batch = (1, *entry.manifest.shape, 1)
    app = FastAPI()

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    async def predict_naively(file: UploadFile) -> dict[str, Any]:
        film = read(await file.read()).reshape(batch).astype("float32")
        return answer(entry, float(network.predict(film, verbose=0)[0][0]))

    def predict_carefully(file: UploadFile) -> dict[str, Any]:
        logits = infer(tf.convert_to_tensor(read(file.file.read()).reshape(batch), tf.float32))
        return answer(entry, float(logits[0, 0]))

    if careful:
        cv2.setNumThreads(1)
        signature = [tf.TensorSpec((None, *batch[1:]), tf.float32)]
        infer = tf.function(lambda films: network(films, training=False), input_signature=signature)
        infer(tf.zeros(batch))
    app.post("/predict")(predict_carefully if careful else predict_naively)
    return app


if __name__ == "__main__":
    model, port, *rest = sys.argv[1:]
    application = build(find_entry(STORE, model), careful=rest == ["careful"])
    uvicorn.run(application, host="127.0.0.1", port=int(port), log_level="warning")
