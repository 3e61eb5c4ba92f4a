"""What is set once in a process that uses the DICOM libraries."""

from __future__ import annotations

import logging
import warnings


def prepare_libraries() -> None:
    """Let pydicom read invalid values, and keep the libraries' messages, which repeat values of films, out of logs."""
    import pydicom.config

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.simplefilter("ignore")
    for name in ("pydicom", "pynetdicom", "highdicom", "dicomweb_client", "urllib3"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
