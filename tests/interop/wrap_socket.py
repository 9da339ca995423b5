"""Gives Python 3.12 and later the function that PyKMIP 0.10.0 calls and they no longer have. To be imported before PyKMIP."""

import ssl

if not hasattr(ssl, "wrap_socket"):
    def wrap_socket(sock, keyfile=None, certfile=None, cert_reqs=ssl.CERT_NONE, ca_certs=None,
                    do_handshake_on_connect=True, suppress_ragged_eofs=True, **_):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = cert_reqs
        context.load_verify_locations(ca_certs)
        context.load_cert_chain(certfile, keyfile)
        return context.wrap_socket(sock, do_handshake_on_connect=do_handshake_on_connect,
                                   suppress_ragged_eofs=suppress_ragged_eofs)

    ssl.wrap_socket = wrap_socket
