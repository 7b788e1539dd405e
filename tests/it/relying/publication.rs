//! A web server in the place of the CA's `pki` listener, that serves what a test wants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use http::{StatusCode, Uri};

type Served = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// What is served under which path; everything else is 404.
pub(super) struct Publication {
    served: Served,
    pub(super) url: String,
    task: tokio::task::JoinHandle<()>,
}

async fn answer(State(served): State<Served>, path: Uri) -> Result<Vec<u8>, StatusCode> {
    let served = served.lock().unwrap();
    served
        .get(path.path())
        .cloned()
        .ok_or(StatusCode::NOT_FOUND)
}

impl Publication {
    pub(super) async fn start() -> Self {
        let served = Served::default();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&served));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { served, url, task }
    }

    pub(super) fn put(&self, path: &str, octets: Vec<u8>) {
        self.served.lock().unwrap().insert(path.to_owned(), octets);
    }

    /// Nothing is served any more.
    pub(super) fn clear(&self) {
        self.served.lock().unwrap().clear();
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.task.abort();
    }
}
