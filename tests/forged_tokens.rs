//! Forged tokens are refused by both servers.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chat_core::token::{Purpose, Signer};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Actor, sse::try_stream, with_app};

fn base64url(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The parts of a token: header and claims as JSON, and the signature as it is.
fn parts(token: &str) -> (Value, Value, String) {
    let parts: Vec<&str> = token.split('.').collect();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (json(parts[0]), json(parts[1]), parts[2].to_owned())
}

/// Signs any header and claims with a key.
fn sign(pem: &str, header: &Value, claims: &Value) -> String {
    let content = format!("{}.{}", base64url(header), base64url(claims));
    let key = EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
    let signature = jsonwebtoken::crypto::sign(content.as_bytes(), &key, Algorithm::EdDSA).unwrap();
    format!("{content}.{signature}")
}

fn hs256(secret: &[u8], kid: &str, claims: &Value) -> String {
    let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// Tokens that look like `good`, which is Ann's, but are forged.
fn forged(good: &str, ours: &str, victim: &Actor) -> Vec<(&'static str, String)> {
    let (header, claims, signature) = parts(good);
    let kid = header["kid"].as_str().unwrap();
    let other_pem = Signer::generate_pem().unwrap();
    let other_kid = Signer::from_pem(&other_pem).unwrap().kid().to_owned();
    let public = Signer::from_pem(ours).unwrap().public_key();
    let with = |of: &Value, key: &str, value: Value| {
        let mut changed = of.clone();
        changed[key] = value;
        changed
    };
    let without = |of: &Value, key: &str| {
        let mut changed = of.clone();
        changed.as_object_mut().unwrap().remove(key);
        changed
    };
    let as_victim = with(&with(&claims, "sub", json!(victim.id)), "ws", json!(victim.workspace_id));
    let unsigned = |alg: &str| {
        let header = with(&header, "alg", json!(alg));
        format!("{}.{}.", base64url(&header), base64url(&claims))
    };
    let stranger_with = |key: &str, value: Value| sign(&other_pem, &with(&header, key, value), &claims);
    let we_say = |key: &str, value: Value| sign(ours, &header, &with(&claims, key, value));
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(Signer::from_pem(&other_pem).unwrap().public_key()) });
    vec![
        ("no algorithm", unsigned("none")),
        ("no algorithm, spelled otherwise", unsigned("NoNe")),
        ("no signature", format!("{}.{}.", base64url(&header), base64url(&claims))),
        ("no algorithm, a good signature", format!("{}{signature}", unsigned("none"))),
        ("the public key as a shared secret", hs256(&public, kid, &claims)),
        (
            "the public key's text as a shared secret",
            hs256(URL_SAFE_NO_PAD.encode(public).as_bytes(), kid, &claims),
        ),
        ("another key under our name", sign(&other_pem, &header, &claims)),
        ("another key under its own name", stranger_with("kid", json!(other_kid))),
        ("no key's name", sign(ours, &without(&header, "kid"), &claims)),
        ("a key's name that is a path", stranger_with("kid", json!("../../../../dev/null"))),
        (
            "a key's name that is SQL",
            stranger_with("kid", json!("' union select 'x', decode('00', 'hex') --")),
        ),
        ("a key's name that is no text", stranger_with("kid", json!(7))),
        ("a key that it brings along", stranger_with("jwk", jwk)),
        ("a key from elsewhere", stranger_with("jku", json!("http://127.0.0.1:1/jwks.json"))),
        ("another algorithm's name", sign(ours, &with(&header, "alg", json!("ES256")), &claims)),
        (
            "another user's id under our signature",
            format!("{}.{}.{signature}", base64url(&header), base64url(&as_victim)),
        ),
        ("another issuer", we_say("iss", json!("parlour"))),
        ("no issuer", sign(ours, &header, &without(&claims, "iss"))),
        ("another audience", we_say("aud", json!("parlor"))),
        ("several audiences", we_say("aud", json!(["parlor-api", "parlor-stream"]))),
        ("no audience", sign(ours, &header, &without(&claims, "aud"))),
        ("no end", sign(ours, &header, &without(&claims, "exp"))),
        ("an end that is no number", we_say("exp", json!("9999999999"))),
        ("an end before all time", we_say("exp", json!(-1))),
        ("no user", sign(ours, &header, &without(&claims, "sub"))),
        ("a user that is no id", we_say("sub", json!("*"))),
        ("no workspace", sign(ours, &header, &without(&claims, "ws"))),
        ("a cut signature", good[..good.len() - 4].to_owned()),
        ("a padded signature", format!("{good}==")),
        ("a fourth part", format!("{good}.e30")),
        ("claims that are no object", sign(ours, &header, &json!([claims]))),
    ]
}

#[tokio::test]
async fn forged_tokens_open_nothing() {
    with_app(async |app| {
        let node = app.start_notify_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        let eve = app.sign_up("other", "Eve").await;
        let pem = std::fs::read_to_string(app.config.key_file()).unwrap();
        // With the right key, the same functions make a valid token.
        let (header, claims, _) = parts(&ann.token);
        ann.with_token(sign(&pem, &header, &claims)).call("GET /api/users/me").await.ok();

        for (what, token) in forged(&ann.token, &pem, &eve) {
            let reply = ann.with_token(&*token).call("GET /api/users/me").await;
            assert_eq!(reply.status, 401, "{what}: {reply}");
            reply.refused(401, "unauthenticated");
            let reply = try_stream(&node, "", &[("authorization", &format!("Bearer {token}"))]).await;
            assert_eq!(reply.status, 401, "{what}: {reply}");
            reply.refused(401, "unauthenticated");
        }
        let ticket = app.sign(ann.claims(), Purpose::Stream);
        for (what, ticket) in forged(&ticket, &pem, &eve) {
            let reply = try_stream(&node, &format!("?ticket={ticket}"), &[]).await;
            assert_eq!(reply.status, 401, "{what}: {reply}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_taken_away_signs_nothing_any_more() {
    with_app(async |app| {
        let node = app.start_notify_server().await;
        let other = app.start_chat_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        ann.at(&other).call("GET /api/users/me").await.ok();
        let kid = parts(&ann.token).0["kid"].as_str().unwrap().to_owned();
        // The owner of a key publishes it once a minute. It is stopped here so that it does not.
        app.stop_node(&app.chat).await;
        sqlx::query("delete from signing_keys where kid = $1").bind(&kid).execute(&app.db).await.unwrap();
        let fresh = app.start_notify_server().await;
        let bearer = format!("Bearer {}", ann.token);
        try_stream(&fresh, "", &[("authorization", &bearer)]).await.refused(401, "unauthenticated");
        drop(node);
    })
    .await;
}
