"""What a model card says that no file of the entry knows: where the films come from, and where a checklist is met."""

from __future__ import annotations

NOT_FOR = """\
Not to stand in for a reader, and not as a second reader. It answers for one frontal film at a time, knows no history
and no earlier film, and nothing beyond the two classes that it was taught. Whoever wants to know what it is worth at
their site measures it there first, on their own labelled films: `pneumoserve evaluate --data FOLDER --report DIR`. A
film that cannot be read is refused with a reason; one read with a doubt (colour, few gray levels) is answered with a
warning; one inside the refer band is answered with `refer`."""

GOAL = """\
Goal: development of a model from films that are published, with an internal validation by patient, and every look at
test films listed. Retrospective; nothing was planned with patients."""

KAGGLE_DATA = """\
- **Source.** Kermany et al., Cell 2018, doi 10.1016/j.cell.2018.02.010; Mendeley Data rscbjbr9sj; CC BY 4.0. Frontal
  films from routine care of children of 1 to 5 years at one hospital, Guangzhou Women and Children's Medical Center.
  Neither dates, nor treatments, nor the machines and their settings come with the films.
- **Inclusion.** Films that its authors found readable; how many they left out is not published. Names were removed
  before publication; sex, exact age and origin are not published, so no figure can be told by them.
- **Reference standard.** The class that the set's authors gave: two physicians graded each film, and a third checked
  those of the test split. Agreement between readers is not published. NORMAL against PNEUMONIA, viral and bacterial
  alike; no laboratory finding confirms it here.
- **Sample size.** All films of the training split; none was planned for a wanted precision, the intervals tell it."""

OTHER_DATA = """\
- **Source, inclusion and reference standard** are those of the folder that the training was given; no file of this
  entry knows more of them than the tables below."""

KAGGLE_LIMITS = """\
- **Compression and sharpness give the class away in this set.** Bytes per pixel, and global statistics of sharpness and
  contrast, tell the classes of its training split apart better than those of its test split. A random validation split
  shares this shortcut, so **the validation figures flatter the model**.
- **Thresholds travel worse than rankings.** An operating point chosen on such validation films may call many healthy
  films of another source pneumonia.
- **Children of 1 to 5 years, one hospital** (Guangzhou). Nothing is claimed for adults, other ages, other hospitals or
  other machines.
- **Fairness is unknown.** The set tells neither sex nor origin: nobody can say whom the model serves worse."""

LIMITS = """\
- Nothing but frontal chest films was shown to it; it has no way to refuse another picture.
- Its probability is that of films mixed as the calibration's were; another site sets its own prevalence.
- Ethics approval and consent are the business of the set's authors. No patient, no funder and no company had a part in
  this model; it is not registered, and there is no protocol but the repository."""

AVAILABILITY = """\
Code, weights and this card stand in the repository under its licence; the films are had from their publisher. The table
of every run tried stands beside the training code."""

_ROWS = (
    ("What it is", "1", "1", "the title"),
    ("Structured summary", "2", "2", "Summary"),
    ("Background, intended use and users, role", "3, 41", "3a, 3b, 25", "Intended use"),
    ("Objectives and study goal", "4, 6", "4", "Intended use"),
    ("Poor input, interaction, next steps", "–", "27a, 27b, 27c", "Intended use"),
    ("Design, sources, dates, setting", "5, 7", "5a, 5b, 6a", "Data"),
    ("Eligibility, treatments, de-identification, acquisition", "8, 11, 13", "6b, 6c", "Data"),
    ("Subsets and missing data", "10, 12", "11", "Data"),
    ("Reference standard and its readers", "14, 15, 16, 17, 18", "8a, 8b, 8c", "Data"),
    ("Partitions, and the level at which they are disjoint", "19, 20", "12a", "Data"),
    ("Sample size", "21", "10", "Data"),
    ("Numbers and characteristics of the films", "35, 36", "20a, 20b, 20c, 21", "Data"),
    ("Preprocessing; what is read of a film", "9", "7, 9a, 9b, 9c, 12b", "Model"),
    ("The model and its specification", "22", "22", "Model"),
    ("Explanation of an answer", "31", "–", "Model"),
    ("Software", "23", "–", "Training"),
    ("Initial weights, training, class imbalance", "24, 25", "12c, 13", "Training"),
    ("Selection of the final model, ensembles", "26, 27", "12c", "Training"),
    ("What is answered, and at which thresholds", "–", "15", "Operating points"),
    ("Measures and their uncertainty", "28, 29", "12e", "Figures on the validation films"),
    ("Internal evaluation", "32, 37, 38", "23a", "Figures on the validation films"),
    ("Calibration", "28", "12e, 23a", "Calibration"),
    ("Cases left to a human", "39", "27b", "Referral"),
    (
        "Evaluation on held-back films; how it differs from training",
        "32, 37, 38",
        "12g, 16, 23a",
        "Looks at test films",
    ),
    ("Robustness, heterogeneity", "30", "12d, 23b", "Audit"),
    ("Failures", "39", "–", "Looks at test films"),
    ("External evaluation", "33", "16, 23b", "Outside data"),
    ("Updating of the model", "–", "12f, 24", "none: another training is another version"),
    ("Inequalities, fairness", "–", "3c, 14", "Limits"),
    ("Limitations", "40", "26", "Limits"),
    ("Ethics, patients' part, funding, interests", "44", "17, 18a, 18b, 19", "Limits"),
    ("Registration and protocol", "34, 42", "18c, 18d", "Limits"),
    ("Availability of data and code", "43", "18e, 18f", "Availability"),
)


def describe_checklists() -> str:
    """Answer the table that maps CLAIM (2024 update) and TRIPOD+AI to the sections of a card."""
    lines = [
        "CLAIM: Tejani et al., Radiology: Artificial Intelligence 2024 (items 1 to 44). TRIPOD+AI: Collins et al., BMJ "
        "2024 (items 1 to 27c). The item numbers were set down without the papers at hand: look them up before citing "
        "one.",
        "",
        "| item | CLAIM | TRIPOD+AI | section |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in _ROWS)])
