//! What the tests share: a running simulator and a plain HTTPS client of it.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::time::Duration;

use discord_sim::{Limits, Sim, SimConfig, World};
use reqwest::{Certificate, Method, Response, StatusCode};
use serde_json::Value;

/// The demo world with quick identifies and without rate limits.
pub fn config() -> SimConfig {
    SimConfig {
        limits: Limits { heartbeat_interval: Duration::from_secs(40), ..Limits::unlimited() },
        ..SimConfig::new(World::demo())
    }
}

pub async fn sim() -> Sim {
    Sim::start(config()).await.unwrap()
}

/// An HTTPS client for which `discord.com` is the simulator.
pub fn http(sim: &Sim) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .resolve("discord.com", sim.rest_addr())
        .add_root_certificate(Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap())
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// A bot made of bare requests.
#[derive(Clone)]
pub struct Rest {
    http: reqwest::Client,
    token: String,
    port: u16,
}

impl Rest {
    pub fn of(sim: &Sim) -> Self {
        Self { http: http(sim), token: sim.token().into(), port: sim.rest_addr().port() }
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.token = token.into();
        self
    }

    pub async fn raw(&self, method: &str, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("https://discord.com:{}/api/v10{path}", self.port);
        let mut request = self
            .http
            .request(method, url)
            .header("Authorization", format!("Bot {}", self.token))
            .header("X-Audit-Log-Reason", "Rang%20gained");
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    }

    /// Status and JSON body (null for none).
    pub async fn call(&self, method: &str, path: &str, body: impl Into<Option<Value>>) -> (u16, Value) {
        let response = self.raw(method, path, body.into()).await.unwrap();
        let status = response.status();
        if status == StatusCode::NO_CONTENT {
            return (status.as_u16(), Value::Null);
        }
        (status.as_u16(), response.json().await.unwrap())
    }
}
