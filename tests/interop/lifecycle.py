"""A symmetric key's life, driven by PyKMIP over one protocol version.

usage: lifecycle.py HOST PORT CA CERT KEY VERSION

Prints the Unique Identifier of the key. Exits non-zero, with the reason, at the first answer that is not the expected one.
"""

import sys

import wrap_socket  # noqa: F401: before PyKMIP, which calls it
from kmip.core import enums
from kmip.core.factories.attributes import AttributeFactory
from kmip.pie.client import ProxyKmipClient
from kmip.pie.exceptions import KmipOperationFailure


def expect(condition, what):
    if not condition:
        sys.exit("not as expected: " + what)


def refused(reason, call, *arguments):
    try:
        call(*arguments)
    except KmipOperationFailure as failure:
        expect(failure.reason == reason, "reason %s, not %s" % (failure.reason, reason))
        return
    sys.exit("not as expected: %s was not refused" % call.__name__)


def main(host, port, ca, cert, key, version):
    kmip_version = getattr(enums.KMIPVersion, "KMIP_" + version.replace(".", "_"))
    client = ProxyKmipClient(hostname=host, port=int(port), cert=cert, key=key, ca=ca,
                             ssl_version="PROTOCOL_SSLv23", kmip_version=kmip_version)
    with client:
        name = "pykmip " + version
        uid = client.create(enums.CryptographicAlgorithm.AES, 256, name=name,
                            cryptographic_usage_mask=[enums.CryptographicUsageMask.ENCRYPT,
                                                      enums.CryptographicUsageMask.DECRYPT])
        material = client.get(uid)
        expect(len(material.value) == 32, "32 bytes of key")
        expect(client.get(uid).value == material.value, "the same key again")

        names = client.get_attribute_list(uid)
        for wanted in ["Unique Identifier", "Object Type", "State", "Name", "Digest",
                       "Cryptographic Algorithm", "Cryptographic Length", "Initial Date"]:
            expect(wanted in names, "attribute %s in %s" % (wanted, names))
        expect(("Fresh" in names) == (version != "1.0"), "Fresh since 1.1 only")
        expect(("Original Creation Date" in names) == (version >= "1.2"), "since 1.2 only")
        expect(("Sensitive" in names) == (version >= "1.4"), "Sensitive since 1.4 only")

        def state():
            _, attributes = client.get_attributes(uid, ["State"])
            return attributes[0].attribute_value.value

        expect(state() == enums.State.PRE_ACTIVE, "Pre-Active")
        def named(text):
            return AttributeFactory().create_attribute(enums.AttributeType.NAME, name_value(text))

        expect(client.locate(attributes=[named(name)]) == [uid], "located by its name")
        changed, attribute = client.modify_attribute(uid, attribute=named("renamed " + version))
        expect(changed == uid, "the key whose name was modified")
        expect(attribute.attribute_value.name_value.value == "renamed " + version, "the new name")
        expect(client.locate(attributes=[attribute]) == [uid], "located by its new name")
        changed, attribute = client.delete_attribute(uid, attribute_name="Name", attribute_index=0)
        expect(changed == uid, "the key whose name was deleted")
        expect(attribute.attribute_value.name_value.value == "renamed " + version, "the old name")
        expect("Name" not in client.get_attribute_list(uid), "no name is left")
        client.activate(uid)
        expect(state() == enums.State.ACTIVE, "Active")
        refused(enums.ResultReason.PERMISSION_DENIED, client.activate, uid)
        refused(enums.ResultReason.PERMISSION_DENIED, client.destroy, uid)
        client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid)
        expect(state() == enums.State.DEACTIVATED, "Deactivated")
        client.destroy(uid)
        expect(state() == enums.State.DESTROYED, "Destroyed")
        refused(enums.ResultReason.ITEM_NOT_FOUND, client.get, uid)
        refused(enums.ResultReason.PERMISSION_DENIED, client.destroy, uid)
        refused(enums.ResultReason.ITEM_NOT_FOUND, client.get, "no-such-key")
        print(uid)


def name_value(text):
    from kmip.core import attributes
    return attributes.Name.create(text, enums.NameType.UNINTERPRETED_TEXT_STRING)


if __name__ == "__main__":
    main(*sys.argv[1:])
