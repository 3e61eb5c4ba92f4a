"""A contour's gray scale: the one in which the service read the film."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from app.imaging.dicom.reading import read_film as read_as_service
from tests.gateway.dicom_films import dicom_film
from tests.gateway.test_dicom_results import opened, results


def contour(warnings: tuple[str, ...] = (), **attributes: object) -> Dataset | None:
    written = results(dicom_film(**attributes), warnings=warnings)  # type: ignore[arg-type]
    return opened(written["contour"]) if "contour" in written else None


def table() -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 16])
    item.add_new("LUTData", "OW", (np.arange(4096) * 16).astype("<u2").tobytes())
    item.ModalityLUTType = "US"
    return [item]


@pytest.mark.parametrize(
    ("function", "width"), [("SIGMOID", 500.0), ("LINEAR_EXACT", 500.0), ("LINEAR_EXACT", 0.9), ("LINEAR", 500.0)]
)
def test_a_window_is_copied_with_its_function(function: str, width: float) -> None:
    shown = contour(WindowCenter=1000.5, WindowWidth=width, VOILUTFunction=function)
    assert shown is not None
    window = shown.SoftcopyVOILUTSequence[0]
    assert (window.WindowCenter, window.WindowWidth) == (1000.5, width)
    assert window.get("VOILUTFunction", "LINEAR") == function


@pytest.mark.parametrize(("width", "warnings"), [(0.5, ()), (100, ("window-ignored",))])
def test_a_window_that_the_service_ignores_is_not_copied(width: float, warnings: tuple[str, ...]) -> None:
    """As its width, or the service itself, tells."""
    shown = contour(warnings, WindowCenter=1000, WindowWidth=width)
    assert shown is not None
    assert "SoftcopyVOILUTSequence" not in shown


@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_film_with_a_table_has_no_contour(keyword: str) -> None:
    """Its other results are written."""
    assert contour(**{keyword: table()}, WindowCenter=1000, WindowWidth=500) is None
    assert set(results(dicom_film(**{keyword: table()}))) == {"secondary-capture", "report"}  # type: ignore[arg-type]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["IDENTITY", "INVERSE", None])
def test_a_film_is_inverted_where_the_service_inverts_it(photometric: str, shape: str | None) -> None:
    """Once, for either reason."""
    attributes = {"PhotometricInterpretation": photometric} | ({"PresentationLUTShape": shape} if shape else {})
    shown = contour(**attributes)
    read, _ = read_as_service(dicom_film(**attributes))  # type: ignore[arg-type]
    assert shown is not None
    assert (shown.PresentationLUTShape == "INVERSE") is read.report.inverted


@pytest.mark.parametrize(("slope", "intercept"), [(2, -1024), (1, None), (None, 5), (None, None)])
def test_a_rescale_is_the_services(slope: float | None, intercept: float | None) -> None:
    """Where one of its numbers is missing, too."""
    given = {"RescaleSlope": slope, "RescaleIntercept": intercept}
    attributes = {keyword: value for keyword, value in given.items() if value is not None}
    shown = contour(**attributes)
    read, _ = read_as_service(dicom_film(**attributes))  # type: ignore[arg-type]
    assert shown is not None
    assert ("RescaleSlope" in shown) is (read.report.modality_lut == "rescale")
    assert shown.get("RescaleIntercept", 0) == (intercept or 0)


@pytest.mark.parametrize("slope", [0, "1e308"])
def test_a_film_whose_rescale_leaves_nothing_has_no_contour(slope: object) -> None:
    assert contour(RescaleSlope=slope, RescaleIntercept=0) is None
