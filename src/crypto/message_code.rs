//! HMAC-SHA-256 (RFC 2104), by which whoever shares a secret with us knows that a message is ours and unchanged.

use aws_lc_rs::hmac;

/// The code of a message given in parts, which count as one: what parts them is the caller's.
#[must_use]
pub fn message_code(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut code = [0_u8; 32];
    for (to, from) in code.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::message_code;

    #[test]
    fn codes_match_the_vectors_of_rfc_4231() {
        let code = message_code(&[0x0b; 20], &[b"Hi ", b"There"]);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hex::encode(code), expected);
        let code = message_code(b"Jefe", &[b"what do ya want for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(code), expected);
    }
}
