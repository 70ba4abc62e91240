"""Which PRO-CTCAE items a form asks, by a program of its own: it imports nothing of Daybook.

`python -m tests.reference.pro_ctcae` prints them; `pro-ctcae-asked.csv` is what it printed.
"""

import csv
import io
import random
import sys

ATTRIBUTES = {"f": "frequency", "s": "severity", "i": "interference", "a": "amount", "p": "presence"}
LIBRARY = """
    dry_mouth:s swallowing:s mouth_sores:si cracked_lips:s voice:p hoarseness:s taste:s appetite:si
    nausea:fs vomiting:fs heartburn:fs gas:p bloating:fs hiccups:fs constipation:s diarrhoea:f
    belly_pain:fsi bowel_control:fi breathlessness:si cough:si wheezing:s swelling:fsi palpitations:fs
    rash:p dry_skin:s acne:s hair_loss:a itching:s hives:p hand_foot:s nail_loss:p nail_ridging:p
    nail_colour:p sunlight:p pressure_sores:p dark_skin:p stretch_marks:p numbness:si dizziness:si
    blurred_vision:si flashing_lights:p floaters:p watery_eyes:si ringing_ears:s concentration:si memory:si
    pain:fsi headache:fsi muscle_pain:fsi joint_pain:fsi insomnia:si fatigue:si anxiety:fsi
    discouragement:fsi sadness:fsi bruising:p chills:fs sweating:fs less_sweating:p hot_flushes:fs
    nosebleeds:fs body_odour:s
"""
"""Each symptom with the attributes that it is asked about, in their order; the first decides of the rest."""


def applicable_items(first: dict[str, int | None]) -> list[str]:
    """The items of a form whose symptoms have these answers to their first items; None is left blank."""
    items = []
    for symptom, letters in (word.split(":") for word in LIBRARY.split()):
        goes_on = (first[symptom] or 0) > 0
        items += [f"{symptom}_{ATTRIBUTES[each]}" for each in (letters if goes_on else letters[:1])]
    return items


def golden() -> str:
    """The file: symptoms answered with 0, symptoms left blank, and how many and which items are not asked."""
    draw = random.Random(21)
    symptoms = [word.split(":")[0] for word in LIBRARY.split()]
    every = set(applicable_items(dict.fromkeys(symptoms, 1)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["none", "blank", "asked", "not_asked"])
    for share in (0, 1, 0.1, 0.3, 0.5, 0.7, 0.9):
        kinds = {
            each: "none" if draw.random() < share else draw.choice(["some"] * 5 + ["blank"])
            for each in symptoms
        }
        values = {each: {"none": 0, "some": 1, "blank": None}[kind] for each, kind in kinds.items()}
        items = applicable_items(values)
        names = [" ".join(each for each in symptoms if kinds[each] == kind) for kind in ("none", "blank")]
        writer.writerow([*names, len(items), " ".join(sorted(every - set(items)))])
    return out.getvalue()


if __name__ == "__main__":
    sys.stdout.write(golden())
