//! The service as people run it: a process of its own, on the machine's clock.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ALICE, Answer, certificate_request, http_client};

/// The program under test.
pub const VACA: &str = env!("CARGO_BIN_EXE_vaca");

/// The service as a process of its own; killed if a test forgets it.
pub struct Service {
    child: Child,
    url: String,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Service {
    /// `vaca serve` in this folder.
    pub async fn start(folder: &Path) -> Self {
        Self::start_as(Command::new(VACA).arg("serve").current_dir(folder)).await
    }

    /// Whatever ends in a `vaca serve`.
    pub async fn start_as(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (found, url) = tokio::sync::oneshot::channel();
        let log = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            let mut found = Some(found);
            // Read to the end, so that the service never waits for this pipe.
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().extend([line.as_str(), "\n"]);
                let (_, url) = line.split_once("serving devices on ").unwrap_or_default();
                let url = url.split('"').next().unwrap_or_default();
                if let Some(found) = (!url.is_empty()).then(|| found.take()).flatten() {
                    found.send(url.to_owned()).ok();
                }
            }
        });
        let url = tokio::time::timeout(Duration::from_secs(60), url);
        let url = url.await.expect("it serves in time").expect("it serves");
        Self {
            child,
            url,
            log,
            reader: Some(reader),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = http_client(|builder| builder).get(format!("{}{path}", self.url));
        Answer::of(request.send().await.unwrap()).await
    }

    /// The answer of `/readyz` about its database.
    pub async fn ready(&self) -> bool {
        self.get("/readyz").await.status == 200
    }

    /// Asks, and finds an answer or, where the process is killed meanwhile, none.
    pub fn ask(
        &self,
        path: &str,
        body: &Value,
    ) -> impl Future<Output = Option<Answer>> + Send + 'static {
        let client = http_client(|builder| builder);
        let request = client.post(format!("{}{path}", self.url)).json(body);
        async move {
            match request.send().await {
                Ok(response) => Some(Answer::of(response).await),
                Err(_) => None,
            }
        }
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(path, body).await.expect("an answer")
    }

    /// Presents a response of Alice's for `wifi-user`.
    pub async fn present(&self, response: &[u8]) -> Answer {
        let body = certificate_request(response, "wifi-user", Some(ALICE));
        self.post("/v1/certificates", &body).await
    }

    /// A challenge for `wifi-user`.
    pub async fn challenge(&self) -> Vec<u8> {
        let body = json!({ "profile": "wifi-user" });
        let answer = self.post("/v1/challenges", &body).await;
        STANDARD
            .decode(answer.json["challenge"].as_str().unwrap())
            .unwrap()
    }

    /// Sends a signal and waits for the exit code.
    pub async fn stop(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
        let mut ended = None;
        for _ in 0..400 {
            ended = self.child.try_wait().unwrap();
            if ended.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        ended.expect("it stops").code()
    }

    /// Stops it as an operator would. Answers all that it logged.
    pub async fn stop_and_read_log(mut self) -> String {
        let (log, reader) = (Arc::clone(&self.log), self.reader.take().unwrap());
        assert_eq!(self.stop("-TERM").await, Some(0));
        reader.join().unwrap();
        let log = log.lock().unwrap();
        log.clone()
    }

    /// SIGKILL: nothing is finished, nothing is closed.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
