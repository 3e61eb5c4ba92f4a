"""One frame's bytes → stored values, by codecs that end at a broken stream; what they let pass is refused here.

libjpeg (of imagecodecs) fills what is missing with gray and keeps its warning to itself; OpenJPEG in its strict mode,
CharLS and the decoder of RLE are errors away from that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ImageError, UndecodableImage
from app.imaging.dicom.codestream import Frame, JpegFrame, find_jpeg_2000, read_jpeg
from app.imaging.dicom.pixel_format import PixelFormat
from app.imaging.dicom.syntaxes import Syntax

Values = NDArray[np.uint8 | np.uint16 | np.int16]
"""Shape (rows, columns), or (rows, columns, 3) of a colour picture."""

# No marker, and no run of equal bits that a Huffman table might take for the symbol that was there.
_FILLING = bytes.fromhex("a5c3969a5a3c693c") * 8
_LOSSLESS_JPEG = 0xC3


def decode_frame(data: bytes, form: PixelFormat, syntax: Syntax) -> Values:
    """Return one frame's stored values, as wide as the samples are stored.

    Args:
        data: the frame's native bytes, or its codestream.
        form: how the pixels are stored; the codestream has to agree.
        syntax: how the file is written.

    Raises:
        UndecodableImage: cut, corrupt, or other than `form` says.
    """
    decode = {"native": _decode_native, "rle": _decode_rle, "jpeg": _decode_jpeg}.get(syntax.codec, _decode_other)
    try:
        values = decode(data, form, syntax)
    except (ImageError, MemoryError):
        raise
    except BaseException as error:
        # Each codec has its own errors, in its own words; a panic of the RLE decoder is no `Exception`.
        raise UndecodableImage(
            f"Expected whole pixels in {syntax.name}. Received some that cannot be decoded."
        ) from error
    if syntax.codec in ("native", "rle"):
        return _unpack(values, form)
    return _fit(values, form, syntax)


def _decode_native(data: bytes, form: PixelFormat, syntax: Syntax) -> NDArray[Any]:
    dtype = np.dtype(f"u{form.bits_allocated // 8}").newbyteorder("<" if syntax.is_little_endian else ">")
    is_halved = form.photometric == "YBR_FULL_422"
    count = form.rows * form.columns * (2 if is_halved else form.samples)
    if len(data) < count * dtype.itemsize:
        raise UndecodableImage(f"Expected {count * dtype.itemsize} bytes of pixels. Received {len(data)}.")
    values = np.frombuffer(data, dtype, count)
    if is_halved:
        # Y1 Y2 Cb Cr of each two pixels (PS3.3, section C.7.6.3.1.2).
        pairs = values.reshape(-1, 4)
        chroma = pairs[:, 2:].repeat(2, axis=0)
        values = np.column_stack([pairs[:, :2].reshape(-1), chroma])
    return _arrange(values, form, is_planar=form.is_planar and not is_halved)


def _decode_rle(data: bytes, form: PixelFormat, syntax: Syntax) -> NDArray[Any]:
    from rle.utils import decode_pixel_data

    found = decode_pixel_data(data, version=2, rows=form.rows, columns=form.columns, bits_allocated=form.bits_allocated)
    values = np.frombuffer(found, f"<u{form.bits_allocated // 8}")
    if values.size != form.rows * form.columns * form.samples:
        raise UndecodableImage(f"Expected RLE of {form.samples} samples a pixel. Received another number.")
    return _arrange(values, form, is_planar=True)


def _arrange(values: NDArray[Any], form: PixelFormat, *, is_planar: bool) -> NDArray[Any]:
    if form.samples == 1:
        return values.reshape(form.rows, form.columns)
    if is_planar:
        return np.ascontiguousarray(values.reshape(3, form.rows, form.columns).transpose(1, 2, 0))
    return values.reshape(form.rows, form.columns, 3)


def _decode_jpeg(data: bytes, form: PixelFormat, syntax: Syntax) -> NDArray[Any]:
    import imagecodecs

    frame = read_jpeg(data)
    _check(frame, form)
    _check_jpeg(frame, syntax)
    colours: dict[str, Any] = {}
    if form.samples == 3 and frame.marker == _LOSSLESS_JPEG:
        colours = {"colorspace": "RGB", "outcolorspace": "RGB"}
    elif form.samples == 3:
        # Without a segment that names the colours, the tag does; libjpeg would guess.
        named = {} if frame.names_colours else {"colorspace": "RGB" if form.photometric == "RGB" else "YCBCR"}
        colours = {**named, "outcolorspace": "RGB"}
    values: NDArray[Any] = imagecodecs.jpeg8_decode(data, **colours)
    # Of a whole scan nothing behind it is read; of a cut one the pixels change with what follows.
    followed, last = bytearray(), 0
    for end in frame.scan_ends:
        followed += data[last:end] + _FILLING
        last = end
    if not np.array_equal(values, imagecodecs.jpeg8_decode(bytes(followed + data[last:]), **colours)):
        raise UndecodableImage("Expected a whole JPEG. Received one whose pixels end early.")
    return values


def _decode_other(data: bytes, form: PixelFormat, syntax: Syntax) -> NDArray[Any]:
    if syntax.codec == "jpeg-ls":
        import imagecodecs

        frame = read_jpeg(data)
        _check(frame, form)
        _check_jpeg(frame, syntax)
        return imagecodecs.jpegls_decode(data)
    from openjpeg.utils import decode as decode_jpeg_2000

    header, codestream = find_jpeg_2000(data)
    _check(header, form)
    return decode_jpeg_2000(codestream, j2k_format=0)


def _check(frame: Frame, form: PixelFormat) -> None:
    """Refuse a codestream of other dimensions: a codec allocates what it says."""
    if (frame.height, frame.width, frame.components) != (form.rows, form.columns, form.samples):
        raise UndecodableImage(
            f"Expected a codestream of {form.columns} × {form.rows} pixels and {form.samples} samples, as in "
            f"the tags. Received {frame.width} × {frame.height} and {frame.components}."
        )
    if not 2 <= frame.bit_depth <= form.bits_allocated:
        raise UndecodableImage(
            f"Expected a codestream of at most {form.bits_allocated} bits. Received {frame.bit_depth}."
        )


def _check_jpeg(frame: JpegFrame, syntax: Syntax) -> None:
    if frame.marker not in syntax.frames:
        raise UndecodableImage(f"Expected {syntax.name}, as the transfer syntax says. Received another kind of JPEG.")
    # CharLS has computed for 20 s on one without.
    if not frame.is_closed:
        raise UndecodableImage("Expected a JPEG with its end. Received one without.")


def _unpack(values: NDArray[Any], form: PixelFormat) -> Values:
    """Return the stored bits of allocated ones, with their sign; others may hold an overlay."""
    values = values.astype(f"u{form.bits_allocated // 8}", copy=False)
    shift = form.high_bit + 1 - form.bits_stored
    if shift or form.bits_stored < form.bits_allocated:
        values = (values >> shift) & ((1 << form.bits_stored) - 1)
    return _give_sign(values, form)


def _fit(values: NDArray[Any], form: PixelFormat, syntax: Syntax) -> Values:
    """Return what a codec gave within the stored bits: beyond them a lossy one is clipped, a lossless one refused."""
    expected = (form.rows, form.columns) + ((3,) if form.samples == 3 else ())
    if values.shape != expected:
        raise UndecodableImage(f"Expected pixels of shape {expected}. Received {values.shape}.")
    is_signed = np.issubdtype(values.dtype, np.signedinteger)
    if not is_signed and form.is_signed:
        low, high = 0, (1 << form.bits_stored) - 1
    else:
        low, high = form.levels
    least, most = int(values.min()), int(values.max())
    if least < low or most > high:
        if syntax.is_lossless:
            raise UndecodableImage(f"Expected values of {form.bits_stored} bits. Received {least} to {most}.")
        values = values.clip(low, high)
    if is_signed:
        return values.astype(np.int16 if form.is_signed else np.uint16)
    values = values.astype(np.uint8 if form.bits_stored <= 8 else np.uint16, copy=False)
    return _give_sign(values, form)


def _give_sign(values: NDArray[Any], form: PixelFormat) -> Values:
    if not form.is_signed:
        return values
    sign = 1 << (form.bits_stored - 1)
    return ((values.astype(np.int32) ^ sign) - sign).astype(np.int16)
