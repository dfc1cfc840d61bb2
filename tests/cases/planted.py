"""Notes with planted identifiers: templates with [[KIND|value]] marks, filled from pools with a fixed seed.

The pools share few values with the recognisers' own lists: surnames and given names are taken from many origins.
"""

import random
import re
from dataclasses import dataclass

POOLS = {
    "first": "Marisol Thaddeus Oyelaran Siobhan Ingeborg Rahul Xiomara Bartholomew Nkechi Tomasz Leilani Dorothea Anouk "
    "Ezekiel Yuki Carmela Lachlan Zainab Benedikt Perpetua Hyun Marguerite Stellan Araceli".split(),
    "last": "Okonkwo Vandermeer Castellanos Fitzgibbon O'Rourke Szymanski Delacroix Yamaguchi Bhattacharya McAllister "
    "Haverford Quintanilla Thornbury Kowalczyk Abernathy Ferreira Lindqvist Nakamura Papadakis Winterbourne".split(),
    "city": ["Springfield", "Cedar Rapids", "Fort Wayne", "Duluth", "Amarillo", "Bakersfield", "Eau Claire", "Yonkers"],
    "state": ["IL", "IA", "IN", "MN", "TX", "CA", "WI", "NY"],
    "street": ["418 Maple Street", "27 W. Harrison Ave", "1902 Old Mill Road, Apt 4B", "88 Juniper Lane", "5 Kings Court"],
    "zip": ["62704", "52402", "46802-1187", "55811", "79101"],
    "date": ["03/14/2021", "2/5/2019", "July 4, 2020", "12 March 2018", "2017-11-30", "Sept 9, 2022", "01-22-2020"],
    "monthyear": ["August 2019", "Feb 2021", "March 2020"],
    "age": ["91", "94", "97", "102"],
    "phone": ["(312) 555-0148", "617-555-0199", "414.555.0122", "+1 206 555 0177", "555-867-5309"],
    "email": ["m.okonkwo@mailbox.org", "thad_vander@example.com", "xiomara77@clinicmail.net"],
    "url": ["https://www.okonkwofamily.com/health", "www.thornbury-blog.net", "http://myhealth.example.org/u/8812"],
    "ip": ["192.168.14.77", "10.4.221.9", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"],
    "ssn": ["512-44-9087", "231 55 8842", "401-73-6620"],
    "mrn": ["00482913", "H-7741902", "MR5520189", "83-11-204", "4471920"],
    "plan": ["XWZ882910447", "H5521-009", "1EG4TE5MK73", "W2200981734"],
    "account": ["4400-8812-903", "88120394", "ACC7712093"],
    "licence": ["D400-7712-0093", "BF2211904", "MD0099231"],
    "plate": ["7XKR482", "LBN 4471", "ABC-1234"],
    "vin": ["1HGCM82633A004352", "2FTRX18W1XCA01212"],
    "serial": ["SN-4471-XB209", "PJN8812034", "LX200981-A"],
    "biometric": ["FP-88213-A", "IRIS20994B"],
    "photo": ["face_okonkwo.jpg", "img/portrait-0412.png"],
    "code": ["A21-48819", "S-2020-11872", "QX7718290"],
}  # fmt: skip

TEMPLATES = (
    "Patient name: [[NAME|{first} {last}]]. DOB: [[DATE|{date}]]. MRN: [[MRN|{mrn}]].\nA 45-year-old with Crohn disease, 3 days of fever.",
    "Mr. [[NAME|{last}]] is a [[AGE|{age}]]-year-old man seen by Dr. [[NAME|{first} {last2}]] on [[DATE|{date}]] for Parkinson disease.",
    "[[NAME|{last}]], [[NAME|{first}]] (MRN [[MRN|{mrn}]]) was admitted on [[DATE|{date}]]. Attending: [[NAME|{first2} {last2}]], MD.",
    "Lives at [[PLACE|{street}]], [[PLACE|{city}]], {state} [[PLACE|{zip}]]. Phone: [[PHONE|{phone}]]. Hemoglobin 9.1 g/dL.",
    "His wife [[NAME|{first}]] reports that he fell on [[DATE|{date}]]. Contact her at [[PHONE|{phone}]] or [[EMAIL|{email}]].",
    "SSN [[SSN|{ssn}]]; insurance member ID [[HEALTH_PLAN|{plan}]]; account number [[ACCOUNT|{account}]].",
    "Fax the report to [[FAX|{phone}]]. Accession number [[ID|{code}]]. Platelet count 210,000/mm3, WBC 12500.",
    "Pacemaker serial number [[DEVICE|{serial}]] was checked. Driver's license [[LICENCE|{licence}]]. Grade II systolic murmur.",
    "The accident involved a car with license plate [[VEHICLE|{plate}]] (VIN [[VEHICLE|{vin}]]). GCS 14, BP 120/80.",
    "Portal login from IP [[IP|{ip}]]; see [[URL|{url}]]. Photo on file: facial photograph [[PHOTO|{photo}]].",
    "Fingerprint ID [[BIOMETRIC|{biometric}]] recorded at enrolment. Study ID: [[ID|{code}]]. Graves disease since {year}.",
    "Dear Dr. [[NAME|{last}]],\nThank you for referring Mrs. [[NAME|{last2}]]. She resides in [[PLACE|{city}]] and was seen on [[DATE|{date}]].\nSincerely,\n[[NAME|{first} {last3}]], MD",
    "The patient, Ms. [[NAME|{first} {last}]], returned in [[DATE|{monthyear}]]. Ms. [[NAME|{last}]] denies chest pain.",
    "Her daughter, [[NAME|{first}]], is the emergency contact: [[PHONE|{phone}]]. Hashimoto thyroiditis, TSH 8.2.",
    "Medical record number [[MRN|{mrn}]]. Medicare number: [[HEALTH_PLAN|{plan}]]. Discharged [[DATE|{date}]] after 5 days.",
    "Dictated by: [[NAME|{first} {last}]] on [[DATE|{date}]]. Reviewed by [[NAME|{first2} {last2}]]. Ewing sarcoma excluded.",
    "A [[AGE|{age}]] y/o female from [[PLACE|{city}]], {state} with a blood glucose of 250 mg/dL and weight 62 kg.",
    "Next of kin: [[NAME|{first} {last}]] (brother). Cell [[PHONE|{phone}]]. E-mail [[EMAIL|{email}]].",
    "Referred by [[NAME|{first} {last}]], NP. DEA [[LICENCE|{licence}]]. Hodgkin lymphoma stage IIB, 6 cycles of ABVD.",
    "Insulin pump serial [[DEVICE|{serial}]]. Policy number [[HEALTH_PLAN|{plan}]]. HbA1c 8.2%, metformin 1000 mg twice daily.",
    "Follow-up with Prof. [[NAME|{last}]] on [[DATE|{date}]]. Bill to account no. [[ACCOUNT|{account}]]. Wilson disease panel sent.",
    "Patient: [[NAME|{first} {last}]]\nAddress: [[PLACE|{street}]], [[PLACE|{city}]], {state} [[PLACE|{zip}]]\nChief complaint: dyspnea for 2 weeks.",
    "Specimen number [[ID|{code}]] collected [[DATE|{date}]]. Whipple procedure planned. Lasix 40 mg daily.",
    "NAME: [[NAME|{LAST}, {FIRST}]]\nDOB: [[DATE|{date}]]\nSSN: [[SSN|{ssn}]]\nUnremarkable exam.",
)

HELD_OUT = (
    "Discharge summary for [[NAME|{first} {last}]], chart number [[MRN|{mrn}]], admitted [[DATE|{date}]], discharged [[DATE|{date2}]].",
    "I spoke with [[NAME|{first} {last}]], the patient's son, by telephone ([[PHONE|{phone}]]) about the Kaposi sarcoma.",
    "Mrs. [[NAME|{last}]] moved to [[PLACE|{city}]] after her husband [[NAME|{first}]] died in [[DATE|{monthyear}]]. She is [[AGE|{age}]] years old.",
    "Signed electronically by [[NAME|{first} {last}]], PA-C, [[DATE|{date}]] 14:32. Please fax to [[FAX|{phone}]].",
    "Subscriber ID [[HEALTH_PLAN|{plan}]], group [[HEALTH_PLAN|{account}]], SSN: [[SSN|{ssn}]]. Sjogren syndrome work-up pending.",
    "The defibrillator (S/N [[DEVICE|{serial}]]) was implanted on [[DATE|{date}]] by Dr [[NAME|{last}]].",
    "Vehicle plate number [[VEHICLE|{plate}]]. The driver, Mr [[NAME|{first} {last}]], lives in [[PLACE|{city}]]. Troponin 0.4 ng/mL.",
    "Mail to [[EMAIL|{email}]] or write to [[PLACE|{street}]], [[PLACE|{city}]], {state} [[PLACE|{zip}]].",
    "Case number [[MRN|{mrn}]]; passport [[LICENCE|{licence}]]; bank account [[ACCOUNT|{account}]]. Addison disease suspected.",
    "Nurse [[NAME|{last}]] documented at [[DATE|{date}]] that the mother, [[NAME|{first} {last}]], refused. Client [[IP|{ip}]], page [[URL|{url}]].",
    "Retinal scan [[BIOMETRIC|{biometric}]] and face photo [[PHOTO|{photo}]] are stored under participant ID [[ID|{code}]].",
    "Pt is a [[AGE|{age}]]yo M w/ Barrett esophagus, PCP: [[NAME|{first} {last}]]; pager [[PHONE|{phone}]]. ID: [[ID|{code}]].",
)  # fmt: skip
"""Written after the recognisers were settled, and never used to change them before they were measured."""

DIRECT = frozenset(
    "NAME DATE AGE PHONE FAX EMAIL SSN MRN HEALTH_PLAN ACCOUNT LICENCE VEHICLE DEVICE URL IP PLACE ID".split()
)
_MARK = re.compile(r"\[\[(?P<kind>[A-Z_]+)\|(?P<value>[^\]]*)\]\]")


@dataclass(frozen=True)
class PlantedNote:
    text: str
    spans: tuple[tuple[str, int, int], ...]


def planted_notes(templates: tuple[str, ...] = TEMPLATES, per_template: int = 3, seed: int = 7) -> list[PlantedNote]:
    """Each template filled `per_template` times."""
    generator = random.Random(seed)
    return [_parsed(_filled(template, generator)) for template in templates for _ in range(per_template)]


def _filled(template: str, generator: random.Random) -> str:
    values = {name: generator.choice(pool) for name, pool in POOLS.items()}
    values["state"] = POOLS["state"][POOLS["city"].index(values["city"])]
    for extra in ("first2", "last2", "last3", "date2"):
        values[extra] = generator.choice(POOLS[extra.rstrip("23")])
    values |= {"FIRST": values["first"].upper(), "LAST": values["last"].upper(), "year": "2011"}
    return template.format(**values)


def _parsed(marked: str) -> PlantedNote:
    text, spans, position = "", [], 0
    for match in _MARK.finditer(marked):
        text += marked[position : match.start()]
        spans.append((match["kind"], len(text), len(text) + len(match["value"])))
        text += match["value"]
        position = match.end()
    return PlantedNote(text + marked[position:], tuple(spans))
