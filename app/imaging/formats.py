"""An image's format and dimensions, from its header, before decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.errors import TooManyPixels, UndecodableImage, UnsuitableImage, UnsupportedFormat
from app.imaging import jpeg, png
from app.imaging.dicom.signature import is_dicom, is_installed
from app.imaging.foreign import name_foreign
from app.imaging.orientation import Orientation

DEFAULT_MAX_PIXELS = 50_000_000
"""Width × height over which an image is refused before it is decoded."""
MAX_JPEG_SCANS = 100
MIN_SIDE_PIXELS = 64
MAX_ASPECT_RATIO = 4


@dataclass(frozen=True)
class ImageHeader:
    """Pixels as stored, before `orientation` (EXIF, 1 to 8); bits a sample.

    `channels` is 3 for a palette; `complete`: a JPEG's scans bring every coefficient to its last bit; `sloppy`:
    deviations from the standard that cost no pixel, as clauses about "the file". A DICOM file's pixels are
    `pixel_aspect` times as high as wide.
    """

    format: Literal["JPEG", "PNG", "DICOM"]
    width: int
    height: int
    channels: int
    bit_depth: int
    scans: int = 1
    orientation: int = 1
    complete: bool = True
    sloppy: tuple[str, ...] = ()
    pixel_aspect: float = 1.0

    @property
    def square_size(self) -> tuple[int, int]:
        """Width and height in square pixels, enlarged along the side on which stored ones are longer."""
        if self.pixel_aspect > 1:
            return self.width, round(self.height * self.pixel_aspect)
        return round(self.width / self.pixel_aspect), self.height

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the decoded samples; of a DICOM file, whose codecs work in wider ones, at least two a sample."""
        width, height = self.square_size
        return width * height * self.channels * (2 if self.bit_depth > 8 or self.format == "DICOM" else 1)


def read_header(data: bytes) -> ImageHeader:
    """Read a file's header, whatever its name and declared type.

    Raises:
        UnsupportedFormat: none of the accepted formats; the message names what came.
        UndecodableImage: an early end, a contradiction, or a kind of JPEG, which the message names, that is not read.
        UnsuitableImage: a DICOM file's tags exclude a frontal chest film.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg_header(data)
    if data.startswith(png.SIGNATURE):
        return _read_png_header(data)
    if is_dicom(data) and is_installed():
        return _read_dicom_header(data)
    accepted = "JPEG, PNG or DICOM" if is_installed() else "JPEG or PNG"
    what, step = name_foreign(data) or ("something else", "send the film as JPEG or PNG")
    raise UnsupportedFormat(f"Expected the bytes of a {accepted} image. Received {len(data)} bytes of {what}: {step}.")


def check_dimensions(header: ImageHeader, max_pixels: int) -> None:
    """Refuse what must not or need not be decoded.

    Raises:
        TooManyPixels: over `max_pixels`, or over `MAX_JPEG_SCANS` scans: each is a pass over all pixels, so a small
            file could cost minutes.
        UnsuitableImage: a side is under `MIN_SIDE_PIXELS`, or over `MAX_ASPECT_RATIO` times the other.
    """
    width, height = header.square_size
    if width * height > max_pixels:
        raise TooManyPixels(f"Expected at most {max_pixels} pixels. Received {width} × {height} = {width * height}.")
    if header.scans > MAX_JPEG_SCANS:
        raise TooManyPixels(f"Expected a JPEG of at most {MAX_JPEG_SCANS} scans. Received one of {header.scans}.")
    if min(width, height) < MIN_SIDE_PIXELS:
        raise UnsuitableImage(f"Expected at least {MIN_SIDE_PIXELS} pixels a side. Received {width} × {height}.")
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise UnsuitableImage(
            f"Expected a film at most {MAX_ASPECT_RATIO} times as long as wide, or as wide as long. "
            f"Received {width} × {height}."
        )


def _read_dicom_header(data: bytes) -> ImageHeader:
    # Whoever reads no DICOM file pays for none.
    from app.imaging.dicom.client import read_dicom_header

    found = read_dicom_header(data)
    return ImageHeader(
        "DICOM", found.width, found.height, found.channels, found.bit_depth, pixel_aspect=found.pixel_aspect
    )


def _read_jpeg_header(data: bytes) -> ImageHeader:
    frame: jpeg.Frame | None = None
    progress: jpeg.Progress | None = None
    orientation, scans, names_inks = Orientation(), 0, False
    for segment in jpeg.walk_segments(data):
        marker = segment.marker
        if marker == jpeg.EOI and not scans:
            raise UndecodableImage(jpeg.ENDS_EARLY)
        if marker in jpeg.START_OF_FRAME and frame is None:
            frame = jpeg.read_frame(segment)
            progress = jpeg.Progress(frame)
        elif marker == jpeg.APP1 and not scans:
            orientation.add_app1(segment.body)
        elif marker == jpeg.APP14:
            names_inks = names_inks or jpeg.is_adobe(segment)
        elif marker == jpeg.SOS:
            if progress is None:
                raise UndecodableImage("Expected a JPEG frame before its first scan. Received none.")
            progress.add(segment.body)
            scans += 1
            if progress.is_whole or scans > MAX_JPEG_SCANS:
                break
    if frame is None or progress is None:
        raise UndecodableImage(jpeg.ENDS_EARLY)
    channels = len(frame.components)
    if channels == 4 and not names_inks:
        raise UndecodableImage(
            "Expected a CMYK JPEG that says, as Adobe's do, whether 0 is full ink or none. Received one that does not: "
            "save it as a gray JPEG or PNG."
        )
    value, sloppy = orientation.settle()
    return ImageHeader(
        "JPEG", frame.width, frame.height, channels, frame.bit_depth, scans, value, progress.complete, sloppy
    )


def _read_png_header(data: bytes) -> ImageHeader:
    """Read all chunks, to refuse a cut or changed PNG before decoding."""
    header: png.PngHeader | None = None
    orientation, before, is_intact = Orientation(), b"", True
    for kind, body, fits in png.walk_chunks(data):
        is_intact = is_intact and fits
        if (kind == b"IHDR") is not (header is None):
            raise UndecodableImage("Expected a PNG that begins with its one IHDR. Received another order of chunks.")
        if kind == b"IHDR":
            header = png.read_ihdr(bytes(body))
        elif kind == b"eXIf":
            orientation.add_exif(bytes(body))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            orientation.add_png_text(kind, bytes(body))
        elif kind == b"acTL" and len(body) >= 4 and int.from_bytes(body[:4], "big") > 1:
            raise UndecodableImage("Expected an image of one frame. Received an animated PNG.")
        elif kind == b"IDAT" and before == b"other":
            raise UndecodableImage("Expected the pixels of a PNG in one place. Received them scattered.")
        before = b"IDAT" if kind == b"IDAT" else b"other" if before else b""
    if header is None or not before:
        raise UndecodableImage("Expected a PNG with pixels. Received one without.")
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[header.color_type]
    bit_depth = 8 if header.color_type == 3 else header.bit_depth
    value, sloppy = orientation.settle()
    if not is_intact:
        sloppy = ("a chunk that tells of its pixels does not fit its checksum", *sloppy)
    return ImageHeader("PNG", header.width, header.height, channels, bit_depth, 1, value, sloppy=sloppy)
