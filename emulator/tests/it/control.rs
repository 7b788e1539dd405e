//! The control plane serves local programs and nobody else.

use serde_json::{Value, json};
use tonic::Code;
use vaca_emulator::{Call, Emulator, Fault, Options};

use crate::support::{TestBed, http};

#[tokio::test]
async fn web_pages_and_foreign_names_are_refused() {
    let bed = TestBed::start().await;
    let url = format!("{}/emulator/v1/keys", bed.emulator.control_url());
    let status = |name: &'static str, value: &'static str| {
        let request = http().get(&url).header(name, value).send();
        async move { request.await.unwrap().status().as_u16() }
    };
    assert_eq!(http().get(&url).send().await.unwrap().status(), 200);
    assert_eq!(status("host", "localhost").await, 200);
    assert_eq!(status("host", "rebound.example.com").await, 403);
    assert_eq!(status("host", "127.0.0.1.example.com:8091").await, 403);
    assert_eq!(status("origin", "https://example.com").await, 403);
    assert_eq!(status("origin", "null").await, 403);
    assert_eq!(status("origin", "http://127.0.0.1:8091").await, 403);
}

#[tokio::test]
async fn it_starts_on_loopback_only() {
    let options = Options {
        control: "0.0.0.0:0".parse().unwrap(),
        ..Options::default()
    };
    assert!(Emulator::start(options).await.is_err());
}

#[tokio::test]
async fn faults_devices_and_users_over_http() {
    let bed = TestBed::start().await;
    let base = format!("{}/emulator/v1", bed.emulator.control_url());
    let post = async |path: &str, body: Value| {
        http()
            .post(format!("{base}{path}"))
            .json(&body)
            .send()
            .await
            .unwrap()
    };

    let rule = json!({"call": "generate", "faults": [{"status": {"code": "429"}}], "times": 1});
    assert_eq!(post("/faults", rule).await.status(), 204);
    let refused = bed.caller.generate().await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    bed.caller.generate().await.unwrap();

    let rule = json!({"call": "generate", "faults": ["down"]});
    assert_eq!(post("/faults", rule.clone()).await.status(), 204);
    assert_eq!(bed.emulator.faults().pending().len(), 1);
    assert_eq!(
        bed.caller.generate().await.unwrap_err().code(),
        Code::Unavailable
    );
    assert_eq!(
        bed.caller.generate().await.unwrap_err().code(),
        Code::Unavailable
    );
    let listed: Value = http()
        .get(format!("{base}/faults"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(listed[0]["faults"], rule["faults"]);
    http()
        .delete(format!("{base}/faults"))
        .send()
        .await
        .unwrap();
    bed.caller.generate().await.unwrap();

    for wrong in [
        json!({"call": "generate", "faults": [{"status": {"code": "NO_SUCH"}}]}),
        json!({"call": "generate", "faults": []}),
        json!({"call": "generate", "faults": ["unheard_of"]}),
        json!({"call": "generate", "faults": ["down"], "unknown": 1}),
    ] {
        assert_eq!(post("/faults", wrong).await.status(), 422);
    }

    let device = post("/devices", json!({"boot_mode": "developer"})).await;
    assert_eq!(device.status(), 201);
    let device: Value = device.json().await.unwrap();
    assert_eq!(device["domain"], "example.com");
    let path = format!("{base}/devices/{}", device["device_id"].as_str().unwrap());
    let change = json!({"boot_mode": "verified", "domain": "example.org"});
    assert_eq!(
        http()
            .patch(&path)
            .json(&change)
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    let device: Value = http()
        .get(&path)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(device["boot_mode"], "verified");
    assert_eq!(device["domain"], "example.org");
    assert_eq!(http().delete(&path).send().await.unwrap().status(), 204);
    assert_eq!(http().get(&path).send().await.unwrap().status(), 404);

    assert_eq!(
        post("/users", json!({"email": "bob@example.com"}))
            .await
            .status(),
        201
    );
    assert!(
        bed.emulator
            .directory()
            .user("bob@example.com")
            .unwrap()
            .affiliated
    );
    let calls: Value = http()
        .get(format!("{base}/calls"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(calls, json!({"generate": 5, "verify": 0}));
}

#[tokio::test]
async fn a_forged_machine_certificate_is_not_stored() {
    let bed = TestBed::start().await;
    let device = bed.emulator.directory().devices().remove(0);
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let url = format!(
        "{}/emulator/v1/devices/{}/machine-certificate",
        bed.emulator.control_url(),
        device.device_id
    );
    let body = json!({"chain": key.cert.pem()});
    let status = http().put(url).json(&body).send().await.unwrap().status();
    assert_eq!(status, 422);
    assert_eq!(
        bed.emulator.directory().devices()[0].machine_certificate,
        None
    );
}

#[test]
fn faults_have_words() {
    for (words, fault) in [
        ("down", Fault::Down),
        ("slow=5", Fault::Slow { milliseconds: 5 }),
        ("result_numbers=1:2", Fault::ResultNumbers([(1, 2)].into())),
        (
            "{\"slow\":{\"milliseconds\":5}}",
            Fault::Slow { milliseconds: 5 },
        ),
    ] {
        assert_eq!(Fault::from_words(words).unwrap(), fault);
    }
    for wrong in [
        "",
        "downn",
        "slow",
        "slow=x",
        "status=NO",
        "set=unknown:1",
        "key_trust_level=HIGH",
    ] {
        assert!(Fault::from_words(wrong).is_err(), "{wrong}");
    }
    let json = serde_json::to_value(Fault::Spkac(vec![1, 2])).unwrap();
    assert_eq!(json, json!({"spkac": "AQI="}));
    assert_eq!(serde_json::to_value(Call::Verify).unwrap(), "verify");
}
