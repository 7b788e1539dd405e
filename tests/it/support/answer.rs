//! An answer of the service, read once.

use reqwest::header::HeaderMap;
use serde_json::Value;

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self {
            status,
            headers,
            text,
            json,
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem document; asserts that it is one, in every member.
    pub fn problem(&self) -> &str {
        let media_type = self.header("content-type");
        assert_eq!(
            media_type, "application/problem+json",
            "{} {}",
            self.status, self.text
        );
        let code = self.json["code"].as_str().unwrap();
        assert_eq!(self.json["type"], format!("/problems/{code}"));
        assert_eq!(self.json["status"], self.status);
        assert!(!self.json["title"].as_str().unwrap().is_empty());
        assert!(!self.json["detail"].as_str().unwrap().is_empty());
        let action = self.json["action"].as_str().unwrap();
        assert!(
            ["retry_same", "restart", "ask_admin", "stop"].contains(&action),
            "{action}"
        );
        let attempt = self.json.get("attempt").is_some();
        assert_ne!(
            attempt,
            self.json.get("request_id").is_some(),
            "{}",
            self.text
        );
        if let Some(wait) = self.json.get("retry_after") {
            assert_eq!(wait.to_string(), self.header("retry-after"));
        }
        code
    }

    /// Asserts a refusal with this code.
    pub fn is(&self, code: &str) -> &Self {
        assert!(
            self.status >= 400,
            "not refused: {} {}",
            self.status,
            self.text
        );
        assert_eq!(self.problem(), code, "{}", self.text);
        self
    }

    /// Asserts that a certificate was issued just now.
    pub fn issued(&self) -> &Self {
        assert_eq!(self.status, 201, "{}", self.text);
        self
    }

    pub fn attempt(&self) -> &str {
        self.json["attempt"].as_str().unwrap()
    }

    pub fn serial(&self) -> &str {
        self.json["serial_number"].as_str().unwrap()
    }
}
