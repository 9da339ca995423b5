//! Secrets of a target that come back as the mask they were shown as: each stays what it is, for the receiver it was given for.

use serde_json::Value;

use super::AdminError;
use crate::crypto::SecretText;
use crate::routing::targets::AnyEndpoint;

/// The fields of endpoints that say who is given the secrets, and by what it shows that it is the one meant.
const RECEIVER: [&str; 7] = [
    "url",
    "endpoint",
    "iam_endpoint",
    "brokers",
    "address",
    "ca_certificate",
    "insecure",
];

/// The first field by which somebody else would be given the secrets.
fn other_receiver(held: &AnyEndpoint, new: &AnyEndpoint) -> Option<&'static str> {
    let (held, new) = (held.to_json(), new.to_json());
    let mut fields = RECEIVER.into_iter();
    fields.find(|field| receiver(&held[*field]) != receiver(&new[*field]))
}

/// Scheme, host and port of what is a URL; the whole of anything else.
fn receiver(value: &Value) -> Value {
    let Some((scheme, rest)) = value.as_str().and_then(|text| text.split_once("://")) else {
        return value.clone();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    format!("{scheme}://{authority}").to_lowercase().into()
}

/// Gives the endpoint that takes another's place the secrets of that where it has the mask.
///
/// # Errors
/// There is no such secret, or somebody else would be given it.
pub(super) fn take_over(held: &mut AnyEndpoint, new: &mut AnyEndpoint) -> Result<(), AdminError> {
    let elsewhere = other_receiver(held, new);
    let kept = held.secrets();
    for (field, secret) in new.secrets() {
        if !secret.is_mask() {
            continue;
        }
        if let Some(changed) = elsewhere {
            return Err(AdminError::invalid(format!(
                "{field}: it is the mask, and with another {changed} each secret is written anew: what is kept is not given to somebody else"
            )));
        }
        let held = kept.iter().find(|(name, _)| *name == field);
        let held: Option<&SecretText> = held.map(|(_, held)| &**held);
        *secret = held.cloned().ok_or_else(|| {
            AdminError::invalid(format!(
                "{field}: it is the mask and there is no secret yet: write the secret itself"
            ))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{AnyEndpoint, other_receiver};

    fn read(target_type: &str, fields: &Value) -> AnyEndpoint {
        AnyEndpoint::read(target_type, fields).unwrap()
    }

    #[test]
    fn a_secret_is_kept_for_the_same_receiver_only() {
        let held = json!({"url": "https://a.example/x", "bearer_token": "t"});
        let held = read("webhook", &held);
        let changed = |url: &str, insecure: bool| {
            let new = json!({"url": url, "bearer_token": "t", "insecure": insecure});
            other_receiver(&held, &read("webhook", &new))
        };
        assert_eq!(changed("https://A.example/y?z#w", false), None);
        for elsewhere in [
            "http://a.example/x",
            "https://b.example/x",
            "https://a.example:444/x",
            "https://a.example@b.example/x",
            r"https://a.example\.b.example/x",
            "https://a.example.b.example/x",
        ] {
            assert_eq!(changed(elsewhere, false), Some("url"), "{elsewhere}");
        }
        assert_eq!(changed("https://a.example/x", true), Some("insecure"));
        let logs = |iam: &str| {
            let fields = json!({"endpoint": "https://x", "api_key": "k", "iam_endpoint": iam});
            read("cloud_logs", &fields)
        };
        let found = other_receiver(&logs("https://iam.example"), &logs("https://b.example"));
        assert_eq!(found, Some("iam_endpoint"));
    }
}
