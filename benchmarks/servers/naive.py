"""What tutorials write: an async endpoint that decodes with OpenCV and calls `model.predict` on the event loop."""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile

from app.inference.artifact import Entry, find_entry
from benchmarks.films import STORE
from benchmarks.servers.entry import answer, parse_arguments


def build(entry: Entry) -> FastAPI:
    """Make the application; INTER_AREA only because the answers are compared."""
    whole = keras.saving.load_model(entry.folder / "model.keras")
    model = keras.Model(whole.inputs, whole.get_layer("logit").output)
    height, width = entry.manifest.shape
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    async def predict(file: UploadFile) -> dict[str, Any]:
        data = np.frombuffer(await file.read(), np.uint8)
        picture: Any = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        film = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        logits = model.predict(film.reshape(1, height, width, 1).astype("float32"), verbose=0)
        return answer(entry, float(logits[0][0]))

    return app


if __name__ == "__main__":
    arguments = parse_arguments()
    application = build(find_entry(STORE, arguments.model))
    uvicorn.run(application, host="127.0.0.1", port=arguments.port, log_level="warning")
