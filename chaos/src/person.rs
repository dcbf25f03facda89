//! People who use Parlor over HTTP, through either chat_server.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, bail};
use reqwest::Client;
use serde_json::{Value, json};

/// A request is abandoned after this time; its outcome is then unknown.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
/// The time limit of requests before and after the faults.
const CERTAIN_ATTEMPTS: u32 = 300;
const RETRY_PAUSE: Duration = Duration::from_millis(200);
const PASSWORD: &str = "correct horse battery";

/// The addresses of the servers' proxies.
#[derive(Clone)]
pub struct Doors {
    pub chat: Vec<SocketAddr>,
    pub notify: Vec<SocketAddr>,
}

/// A signed-in person. Clones are the same person.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub workspace_id: String,
    email: String,
    token: Arc<RwLock<String>>,
    client: Client,
    doors: Doors,
}

/// Ignores `http_proxy` and similar variables.
pub fn http_client() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build()?)
}

impl Person {
    /// Signs up: into the workspace of `invite`, or into a new one called `workspace`.
    pub async fn sign_up(
        client: &Client,
        doors: &Doors,
        workspace: &str,
        name: &str,
        invite: Option<&str>,
    ) -> anyhow::Result<Self> {
        let email = format!("{name}@{workspace}.example").to_lowercase();
        let mut request = json!({ "fullname": name, "email": email, "password": PASSWORD });
        match invite {
            Some(code) => request["invite"] = json!(code),
            None => request["workspace"] = json!(workspace),
        }
        let url = format!("http://{}/api/signup", doors.chat[0]);
        let response = client.post(url).json(&request).timeout(Duration::from_secs(60)).send().await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        if !status.is_success() {
            bail!("sign-up of {name}: {status} {answer}");
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            id: text(&answer["user"]["id"]),
            name: name.to_owned(),
            workspace_id: text(&answer["workspace"]["id"]),
            email,
            token: Arc::new(RwLock::new(text(&answer["access_token"]))),
            client: client.clone(),
            doors: doors.clone(),
        })
    }

    pub fn token(&self) -> String {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// The address of a stream on one notify_server.
    pub fn stream_url(&self, node: usize) -> String {
        format!("http://{}/events", self.doors.notify[node % self.doors.notify.len()])
    }

    /// Makes one attempt and returns status and body. `operation` is a method and a path.
    ///
    /// # Errors
    /// There was no complete answer: the outcome is unknown.
    pub async fn attempt(
        &self,
        node: usize,
        operation: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), String> {
        let address = self.doors.chat[node % self.doors.chat.len()];
        let (method, path) = operation.split_once(' ').ok_or("no operation")?;
        let method: reqwest::Method = method.parse().map_err(|_| "no method")?;
        let mut request =
            self.client.request(method, format!("http://{address}{path}")).bearer_auth(self.token());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|e| format!("{e:?}"))?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|e| format!("{e:?}"))?;
        if status == 401 {
            self.sign_in(node).await.map_err(|e| format!("{e:#}"))?;
        }
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Retries on each chat_server in turn until the answer is final.
    ///
    /// # Errors
    /// There was no answer for more than a minute, or it was no success.
    pub async fn certainly(&self, operation: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut last = String::new();
        for attempt in 0..CERTAIN_ATTEMPTS {
            match self.attempt(attempt as usize, operation, body).await {
                Ok((200..=299, answer)) => return Ok(answer),
                Ok((401 | 408 | 429 | 500.., answer)) => last = answer.to_string(),
                Ok((status, answer)) => bail!("{operation}: {status} {answer}"),
                Err(e) => last = e,
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        bail!("{operation}: {last}")
    }

    /// A snapshot with its cursor.
    pub async fn sync(&self) -> anyhow::Result<Value> {
        self.certainly("GET /api/sync?limit=200", None).await
    }

    /// Creates a chat and returns its id.
    pub async fn create_chat(&self, request: Value) -> anyhow::Result<String> {
        let answer = self.certainly("POST /api/chat", Some(&request)).await?;
        Ok(answer["chat"]["id"].as_str().context("a chat without an id")?.to_owned())
    }

    /// Gets a new access token after a refusal.
    async fn sign_in(&self, node: usize) -> anyhow::Result<()> {
        let address = self.doors.chat[node % self.doors.chat.len()];
        let request = json!({ "email": self.email, "password": PASSWORD });
        let answer = self.client.post(format!("http://{address}/api/signin")).json(&request).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let token = answer["access_token"].as_str().context("no token")?.to_owned();
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }
}
