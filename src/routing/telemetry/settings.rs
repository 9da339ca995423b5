//! `[telemetry]`: where spans go, and the values that cannot be used.

use std::net::IpAddr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::traces;
use crate::routing::target::EndpointError;

/// Settings of the export of spans; without an endpoint there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// The collector's address, to which `v1/traces` is added; empty: nothing is exported.
    pub otlp_endpoint: String,
    /// `service.name` of the spans.
    pub service_name: String,
    /// A file of headers for each request; empty: none.
    pub headers_file: String,
    /// A file with the CA that alone is trusted for the collector; empty: the system's.
    pub ca_file: String,
    /// So many of a hundred requests that succeed.
    pub sample_percent: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            otlp_endpoint: String::new(),
            service_name: "keyledger".to_owned(),
            headers_file: String::new(),
            ca_file: String::new(),
            sample_percent: 100,
        }
    }
}

impl Config {
    /// Checks every setting without touching the outside world.
    ///
    /// # Errors
    /// The first that cannot be used; its field is the key.
    pub fn check(&self) -> Result<(), EndpointError> {
        let problem = |key: &'static str, text: &str| Err(EndpointError::new(key, text));
        let named = self.service_name.chars().count();
        if !(1..=255).contains(&named) || self.service_name.contains(char::is_control) {
            return problem("service-name", "write 1 to 255 characters");
        }
        if !(1..=100).contains(&self.sample_percent) {
            return problem("sample-percent", "write 1 to 100");
        }
        if self.otlp_endpoint.is_empty() {
            return Ok(());
        }
        let url = self.traces()?;
        if !self.headers_file.is_empty() && url.scheme() == "http" && !is_this_machine(&url) {
            let text = "anybody on the way could read the headers: write an https:// address, or leave headers-file out";
            return problem("otlp-endpoint", text);
        }
        Ok(())
    }

    /// The value of a key, as an error shows it.
    #[must_use]
    pub fn shown(&self, key: &str) -> String {
        match key {
            "service-name" => self.service_name.clone(),
            "sample-percent" => self.sample_percent.to_string(),
            // It may hold what was meant for the headers.
            _ if self.otlp_endpoint.contains('@') => "********".to_owned(),
            _ => self.otlp_endpoint.clone(),
        }
    }

    pub(super) fn traces(&self) -> Result<Url, EndpointError> {
        traces(&self.otlp_endpoint).map_err(|mut error| {
            let example = "write one like https://collector.example.com:4318";
            error.problem = match error.problem.split_once(':') {
                Some((problem, _)) => format!("{problem}: {example}"),
                None => format!("{}: {example}", error.problem),
            };
            error
        })
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn values_that_cannot_be_used_are_named_with_their_key() {
        for (text, key, part) in [
            (
                "otlp-endpoint = \"collector\"",
                "otlp-endpoint",
                "write one like",
            ),
            (
                "otlp-endpoint = \"ftp://h\"",
                "otlp-endpoint",
                "does not begin",
            ),
            (
                "otlp-endpoint = \"https://u:p@h\"",
                "otlp-endpoint",
                "credentials",
            ),
            (
                "otlp-endpoint = \"https://h/?a\"",
                "otlp-endpoint",
                "holds a ?",
            ),
            (
                "otlp-endpoint = \"http://h\"\nheaders-file = \"f\"",
                "otlp-endpoint",
                "read the headers",
            ),
            ("service-name = \"\"", "service-name", "write 1 to 255"),
            ("sample-percent = 0", "sample-percent", "write 1 to 100"),
            ("sample-percent = 101", "sample-percent", "write 1 to 100"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            let error = config.check().unwrap_err();
            assert_eq!(error.field, key, "{text}");
            assert!(error.problem.contains(part), "{error}");
        }
    }

    #[test]
    fn headers_stay_on_this_machine_or_are_encrypted() {
        for endpoint in [
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost",
            "https://h",
        ] {
            let text = format!("otlp-endpoint = \"{endpoint}\"\nheaders-file = \"f\"");
            toml::from_str::<Config>(&text).unwrap().check().unwrap();
        }
        Config::default().check().unwrap();
    }
}
