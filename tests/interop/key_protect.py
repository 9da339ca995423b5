"""Makes the KMIP calls of IBM's own SDK for Key Protect, one for each line of standard input.

usage: key_protect.py URL API_KEY bearer|iam

A line is a JSON array: the name of a method of IbmKeyProtectApiV2 and its arguments by name. The answer is a line, too: status, headers and
result of the call, or the error that the SDK raised. What is sent and what comes goes through the SDK's own classes.
"""

import json
import sys

from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import BearerTokenAuthenticator, IAMAuthenticator
from keyprotect import ibm_key_protect_api_v2 as sdk

# What is sent, as the SDK has it.
SENT = {
    "create_kmip_adapter": sdk.CreateKMIPAdapterObject,
    "add_kmip_client_certificate": sdk.CreateKMIPClientCertificateObject,
}

# What is answered, as the SDK has it; nothing is where a call deletes.
ANSWERED = {
    "get_kmip_adapters": sdk.ListKMIPAdaptersWithTotalCount,
    "create_kmip_adapter": sdk.ListKMIPAdapters,
    "get_kmip_adapter": sdk.ListKMIPAdapters,
    "delete_kmip_adapter": None,
    "get_kmip_objects": sdk.ListKMIPObjectsWithTotalCount,
    "get_kmip_object": sdk.ListKMIPObjectsWithTotalCount,
    "delete_kmip_object": None,
    "get_kmip_client_certificates": sdk.ListKMIPPartialClientCertificatesWithTotalCount,
    "add_kmip_client_certificate": sdk.ListKMIPClientCertificates,
    "get_kmip_client_certificate": sdk.ListKMIPClientCertificates,
    "delete_kmip_client_certificate": None,
}


def prepared(method, arguments):
    if method in SENT and "resources" in arguments:
        arguments["resources"] = [SENT[method].from_dict(held) for held in arguments["resources"]]
        arguments["metadata"] = sdk.CollectionMetadata.from_dict(arguments["metadata"])
    return arguments


def call(service, method, arguments):
    try:
        answer = getattr(service, method)(**prepared(method, arguments))
    except ApiException as error:
        try:
            body = error.http_response.json()
        except ValueError:
            body = None
        return {"status": error.status_code, "error": error.message, "body": body}
    result, model = answer.get_result(), ANSWERED[method]
    if result is not None and model is not None:
        # Raises where a property that the SDK demands is missing.
        result = model.from_dict(result).to_dict()
    headers = {name.lower(): value for name, value in answer.get_headers().items()}
    return {"status": answer.get_status_code(), "headers": headers, "result": result}


def main(url, key, how):
    authenticator = IAMAuthenticator(key, url=url) if how == "iam" else BearerTokenAuthenticator(key)
    service = sdk.IbmKeyProtectApiV2(authenticator=authenticator)
    service.set_service_url(url)
    missing = {name for name in dir(service) if "kmip" in name} ^ set(ANSWERED)
    if missing:
        sys.exit("the SDK has other KMIP calls than these: %s" % sorted(missing))
    for line in sys.stdin:
        method, arguments = json.loads(line)
        print(json.dumps(call(service, method, arguments), default=str), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
