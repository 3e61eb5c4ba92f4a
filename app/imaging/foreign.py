"""Bytes of no accepted format → what they are, and what to do."""

from __future__ import annotations

import re

HEAD_BYTES = 4096
"""Of a file: those that are examined."""

_EXPORT = "export the film as JPEG or PNG"
_INSTALL = "install what reads it, pip install 'pneumoserve[dicom]', or export the film as JPEG or PNG"
_UNPACK = "unpack it, and send one film in one request"
_UNCOMPRESSED = "send the film uncompressed"
_AS_BYTES = 'send the bytes of the file, or {"image": "<base64>"} as application/json'
_AS_FORM = "send it as multipart/form-data and name its boundary in the header Content-Type"
_UNCHANGED = "read, copy and send the file as bytes, never as text"
_THE_FILE = "send the file itself"

_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (rb".{128}DICM|\x02\0\0\0UL|\x08\0[\0-\x20]\0", "a DICOM file", _INSTALL),
    (rb"II[*+]\0|MM\0[*+]", "a TIFF image", _EXPORT),
    (rb"II\xbc[\0\x01]", "a JPEG XR image", _EXPORT),
    (rb"BM.{4}\0{4}", "a BMP image", _EXPORT),
    (rb"GIF8", "a GIF image", _EXPORT),
    (rb"\xff\xd8", "a JPEG with a broken beginning", _EXPORT),
    (rb"RIFF.{4}WEBP", "a WebP image", _EXPORT),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image", _EXPORT),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL image", _EXPORT),
    (rb".{4}ftypavi[fs]", "an AVIF image", _EXPORT),
    (rb".{4}ftyp(?:he|mif1|msf1)", "a HEIC image", _EXPORT),
    (rb".{4}ftyp|RIFF.{4}AVI |\x1aE\xdf\xa3", "a video", "send one picture of it as JPEG or PNG"),
    (rb"8BPS", "a Photoshop file", _EXPORT),
    (rb"P[1-7]\s", "a Netpbm image", _EXPORT),
    (rb"\x93NUMPY", "a NumPy array", "save it as PNG of 8 or 16 bits"),
    (rb".{344}(?:n\+1|ni1)\0", "a NIfTI volume", _EXPORT),
    (rb"\x89HDF", "an HDF5 file", _EXPORT),
    (rb"%PDF", "a PDF document", _EXPORT),
    (rb"PK\x03\x04", "a ZIP archive", _UNPACK),
    (rb"7z\xbc\xaf|Rar!|.{257}ustar", "an archive", _UNPACK),
    (rb"\x1f\x8b", "gzip data", _UNCOMPRESSED),
    (rb"\x28\xb5\x2f\xfd|\xfd7zXZ|BZh[1-9]", "compressed data", _UNCOMPRESSED),
    (rb"\0\x05\x16[\0\x07]", "the companion that macOS keeps beside a file (._NAME)", _THE_FILE),
    (rb"version https://git-lfs", "a pointer of Git LFS", "fetch the file with git lfs pull"),
    (rb"\0+\Z", "nothing but zeros", "look whether the file was copied or downloaded whole"),
    # Each byte became a character, or U+FFFD, or line ends were changed.
    (rb"(?:\xef\xbf\xbd){2}|\xc3\xbf\xc3\x98|(?:\xef\xbf\xbd|\xc2\x89|\x89)?PNG\r?\n",
     "an image that a program took for text", _UNCHANGED),
    (rb"--[^\r\n]{1,200}\r?\n(?i:content-)", "a form", _AS_FORM),
    (rb".{1,512}?(?:\xff\xd8\xff|\x89PNG\r\n\x1a\n)", "an image behind other bytes", "send it without these"),
    (rb"[\s\"']*data:", "a data: URL", _AS_BYTES),
    (rb"[\s\"']*(?i:0x)?(?i:ffd8ff|89504e47)", "hexadecimal text", _AS_BYTES),
    (rb"[\s\"']*(?:[/_]9j[/_]|iVBORw0KGgo)|[A-Za-z0-9+/_-]{60,}(?:[\r\n]|={0,2}\Z)", "base64 text", _AS_BYTES),
    (rb"\s*[{\[]", "JSON text", _AS_BYTES),
    (rb"(?i:\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body))", "an HTML page", _THE_FILE),
    (rb"(?i:\s*(?:<\?xml[^>]{0,500}>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+)?svg)", "an SVG drawing", _EXPORT),
    (rb"\s*<[?!a-zA-Z]", "XML text", _THE_FILE),
    (rb"\s*(?i:https?|ftp|file|s3|gs)://", "an address", "send the file that lies there"),
    (rb"[\t\n\f\r\x20-\x7e\x80-\xff]+\Z", "text", _AS_BYTES),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), what, step) for pattern, what, step in _KINDS)
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def name_foreign(data: bytes) -> tuple[str, str] | None:
    """Return what the first `HEAD_BYTES` are, and what to do; None where unknown. No byte is repeated."""
    head = data[:HEAD_BYTES]
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            head = head[len(mark) :].decode(encoding, "ignore").encode()
    return next(((what, step) for pattern, what, step in _PATTERNS if pattern.match(head)), None)
