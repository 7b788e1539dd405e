"""Lints the certificates and revocation lists (PEM) of a folder in one process: pkilint's own commands take half a
second each to start. Prints each finding from WARNING up, and then how many files there were."""

import pathlib
import sys

from pkilint import loader, pkix, report, validation
from pkilint.pkix import certificate, crl, extension, name

CERTIFICATE = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(
        name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
    ),
    [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ],
)
LIST = crl.create_pkix_crl_validator_container(
    [
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ],
    [
        crl.create_issuer_validator_container([]),
        crl.create_validity_validator_container([]),
        crl.create_extensions_validator_container([]),
    ],
)
SEVERITY = validation.ValidationFindingSeverity.WARNING


def main():
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.pem"))
    for path in files:
        text = path.read_text()
        if "X509 CRL" in text:
            results = LIST.validate(loader.load_pem_crl(text, path.name).root)
        else:
            results = CERTIFICATE.validate(loader.load_pem_certificate(text, path.name).root)
        if report.get_findings_count(results, SEVERITY):
            print(path.name, report.ReportGeneratorPlaintext(results, SEVERITY).generate())
    print(f"{len(files)} linted")


main()
