"""One film in every transfer syntax."""

from __future__ import annotations

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.encaps import encapsulate
from rle.utils import encode_pixel_data

from tests.imaging.dicom.made import compressed, make_dataset, write

FULL = {"WindowCenter": "2048", "WindowWidth": "4096"}


def encode_rle(pixels: np.ndarray) -> bytes:
    rows, columns = pixels.shape[:2]
    return encode_pixel_data(
        pixels.tobytes(),
        rows=rows,
        columns=columns,
        samples_per_pixel=1 if pixels.ndim == 2 else 3,
        bits_allocated=pixels.dtype.itemsize * 8,
        bits_stored=pixels.dtype.itemsize * 8,
        pixel_representation=0,
        number_of_frames=1,
        byteorder="<",
        photometric_interpretation="MONOCHROME2" if pixels.ndim == 2 else "RGB",
    )


def lossless_twins(film: np.ndarray, bits: int = 12, **tags: object) -> dict[str, bytes]:
    """Return the files of one film of uint16 in each lossless syntax, by name."""
    tags = FULL | tags
    lossless = {"lossless": True, "bitspersample": bits}
    j2k = imagecodecs.jpeg2k_encode(film, codecformat="j2k", reversible=True, bitspersample=bits)
    streams = {
        "RLE Lossless": (encode_rle(film), uid.RLELossless),
        "JPEG Lossless": (imagecodecs.jpeg8_encode(film, predictor=6, **lossless), uid.JPEGLossless),
        "JPEG Lossless SV1": (imagecodecs.jpeg8_encode(film, predictor=1, **lossless), uid.JPEGLosslessSV1),
        "JPEG-LS Lossless": (imagecodecs.jpegls_encode(film), uid.JPEGLSLossless),
        "JPEG 2000 Lossless": (j2k, uid.JPEG2000Lossless),
        "JPEG 2000": (j2k, uid.JPEG2000),
        "HTJ2K Lossless": (imagecodecs.htj2k_encode(film, reversible=True), uid.HTJ2KLossless),
        "HTJ2K Lossless RPCL": (imagecodecs.htj2k_encode(film, reversible=True), uid.HTJ2KLosslessRPCL),
    }
    files = {name: compressed(bytes(stream), film, bits, syntax, **tags) for name, (stream, syntax) in streams.items()}
    files["Implicit VR Little Endian"] = write(make_dataset(film, bits, syntax=uid.ImplicitVRLittleEndian, **tags))
    files["Explicit VR Little Endian"] = write(make_dataset(film, bits, **tags))
    files["Deflated Explicit VR Little Endian"] = write(
        make_dataset(film, bits, syntax=uid.DeflatedExplicitVRLittleEndian, **tags)
    )
    files["Explicit VR Big Endian"] = write(make_dataset(film, bits, syntax=uid.ExplicitVRBigEndian, **tags))
    several = make_dataset(film, bits, syntax=uid.JPEGLSLossless, **tags)
    stream = bytes(imagecodecs.jpegls_encode(film))
    several.PixelData = encapsulate([stream], fragments_per_frame=3)
    several["PixelData"].is_undefined_length = True
    files["JPEG-LS Lossless in fragments"] = write(several)
    return files
