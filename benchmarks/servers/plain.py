"""A careful FastAPI endpoint: a traced `tf.function`, called in the thread pool that FastAPI keeps for plain `def`."""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf
import uvicorn
from fastapi import FastAPI, UploadFile

from app.inference.artifact import Entry, find_entry
from benchmarks.films import STORE
from benchmarks.servers.entry import answer, parse_arguments


def build(entry: Entry) -> FastAPI:
    """Make the application."""
    whole = keras.saving.load_model(entry.folder / "model.keras", compile=False)
    network = keras.Model(whole.inputs, whole.get_layer("logit").output)
    height, width = entry.manifest.shape
    infer = tf.function(
        lambda films: network(films, training=False),
        input_signature=[tf.TensorSpec((None, height, width, 1), tf.float32)],
    )
    infer(tf.zeros((1, height, width, 1)))
    cv2.setNumThreads(1)
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    def predict(file: UploadFile) -> dict[str, Any]:
        data = np.frombuffer(file.file.read(), np.uint8)
        picture: Any = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        film = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        logits = infer(tf.convert_to_tensor(film.reshape(1, height, width, 1), tf.float32))
        return answer(entry, float(logits[0, 0]))

    return app


if __name__ == "__main__":
    arguments = parse_arguments()
    application = build(find_entry(STORE, arguments.model))
    uvicorn.run(application, host="127.0.0.1", port=arguments.port, log_level="warning")
