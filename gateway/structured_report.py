"""A structured report of template TID 1500 (PS3.16): class, probability, threshold, model, and the film as evidence."""

from __future__ import annotations

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from gateway.assessment import NOT_FOR_DIAGNOSIS, Assessment
from gateway.dicom_objects import MODEL_NAME, describe_source, stamp
from gateway.film import MANUFACTURER, Film
from gateway.identity import Moment, ResultNames, derive_uid

SERIES_NUMBER = 9002
SCHEME = "99PNEUMO"
"""Our own codes, where no standard one has the meaning."""


def own_code(value: str, meaning: str) -> CodedConcept:
    """Return a concept of our own coding scheme."""
    return CodedConcept(value, SCHEME, meaning)


PNEUMONIA = CodedConcept("233604007", "SCT", "Pneumonia")
# SNOMED's "Normal" would say that the film shows no disease at all.
NO_PNEUMONIA = own_code("NORMAL", "Class NORMAL: no pneumonia recognised")
PROBABILITY = own_code("PROBABILITY", "Probability of pneumonia, calibrated")
THRESHOLD = own_code("THRESHOLD", "Threshold of the operating point")
OPERATING_POINT = own_code("OPERATING-POINT", "Operating point")
REFER = own_code("REFER", "Refer to a human reader")
INTENDED_USE = own_code("INTENDED-USE", "Intended use")
RESEARCH = own_code("RESEARCH-ONLY", NOT_FOR_DIAGNOSIS)
WARNING = own_code("WARNING", "Warning of the service")
RADIOGRAPHY = CodedConcept("399208008", "SCT", "Plain chest X-ray")
_LONGEST_MEANING = 64


def write_report(film: Film, assessment: Assessment, names: ResultNames, moment: Moment) -> Dataset:
    """Return a Comprehensive SR in the film's study, unverified."""
    report = ComprehensiveSR(
        evidence=[describe_source(film)],
        content=_report_content(film, assessment, names),
        series_instance_uid=names.series("report"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=names.instance("report"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        coding_schemes=[
            CodingSchemeIdentificationItem(SCHEME, name="Codes of PneumoServe", responsible_organization=MANUFACTURER)
        ],
    )
    stamp(report, moment, "PneumoServe: report, not for diagnosis", assessment.model)
    return report


def _report_content(film: Film, assessment: Assessment, names: ResultNames) -> MeasurementReport:
    device = DeviceObserverIdentifyingAttributes(
        uid=derive_uid("model", assessment.model_sha256),
        name=MODEL_NAME,
        manufacturer_name=MANUFACTURER,
        model_name=assessment.model,
    )
    name, _, version = assessment.model.partition("/")
    algorithm = AlgorithmIdentification(
        name=name,
        version=version,
        parameters=[
            f"sha256={assessment.model_sha256}",
            f"operating point={assessment.point}",
            f"prevalence={'as fitted' if assessment.prevalence is None else repr(assessment.prevalence)}",
            f"gate={assessment.gate}",
        ],
    )
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=names.tracking(), identifier="Pneumonia"),
        algorithm_id=algorithm,
        source_images=[SourceImageForMeasurementGroup(film.sop_class, film.uid)],
        measurements=[
            Measurement(PROBABILITY, assessment.probability, codes.UCUM.NoUnits),
            Measurement(THRESHOLD, assessment.threshold, codes.UCUM.NoUnits),
        ],
        qualitative_evaluations=[
            QualitativeEvaluation(codes.DCM.Finding, PNEUMONIA if assessment.label == "PNEUMONIA" else NO_PNEUMONIA),
            QualitativeEvaluation(OPERATING_POINT, _named(assessment.point)),
            QualitativeEvaluation(REFER, codes.SCT.Yes if assessment.refer else codes.SCT.No),
            QualitativeEvaluation(INTENDED_USE, RESEARCH),
            *(QualitativeEvaluation(WARNING, _named(code)) for code in assessment.warnings),
        ],
    )
    return MeasurementReport(
        observation_context=ObservationContext(
            observer_device_context=ObserverContext(
                observer_type=codes.DCM.Device, observer_identifying_attributes=device
            )
        ),
        procedure_reported=RADIOGRAPHY,
        imaging_measurements=[group],
    )


def _named(name: str) -> CodedConcept:
    """Return a concept for one of the service's own names, such as a warning's code."""
    return own_code(name, name.replace("-", " ")[:_LONGEST_MEANING])
