//! Ways to a service: nobody there, tokens, TLS with an authority of one's own, a proxy's prefix.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use zeitgeber_tests::{
    Service, command, dir, json, refused, run, sample_dir, write_lines, zeitgeber,
};

use super::{inputs, remote, shared};

#[test]
fn without_a_service_the_error_says_what_to_check() {
    let dir = dir();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let nobody = format!("http://{}", free.expect("some loopback port is free"));
    let error = refused(zeitgeber().args(["status", "u09", "--to", &nobody]));
    assert!(error.contains(&nobody) && error.contains("zeitgeber serve"), "{error}");
    let error = refused(zeitgeber().args(["status", "u09", "--to", "localhost:1"]));
    assert!(error.contains("http://HOST:PORT"), "{error}");
    for wrong in [&["status", "u09"][..], &["status", "u09", "--to", "http://h", "--data-dir", "d"]]
    {
        let output = zeitgeber().args(wrong).output().expect("the command starts");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    let log = dir.path().join("log");
    run(command("ingest", &log)
        .arg(&inputs(dir.path()).1)
        .arg("--profiles")
        .arg(sample_dir().join("users.json")));
    let by_variable =
        run(zeitgeber().args(["events", "--limit", "1"]).env("ZEITGEBER_DATA_DIR", &log));
    assert!(!by_variable.stdout.is_empty());
}

#[test]
fn a_token_that_is_missing_wrong_or_too_narrow_is_told_as_such() {
    let dir = dir();
    let log = dir.path().join("log");
    run(command("ingest", &log)
        .arg(inputs(dir.path()).1)
        .arg("--profiles")
        .arg(dir.path().join("people.json")));
    let made = json(zeitgeber().args(["token", "reader", "--scope", "read", "--json"]));
    let text = |key: &str| made[key].as_str().expect("a token and its line").to_owned();
    let (token, tokens) = (dir.path().join("token"), dir.path().join("tokens"));
    write_lines(&token, &[text("token")]);
    write_lines(&tokens, &[text("line")]);
    let set = format!("service.tokens_file={}", tokens.display());
    let service = Service::start_with(&log, &["--set", &set]);
    let status = || {
        let mut status = remote("status", &service);
        status.args(["u09", "--tenant", "clinic b"]);
        status
    };
    let missing = refused(&mut status());
    assert!(missing.contains("--token-file FILE"), "{missing}");
    let wrong = refused(status().env("ZEITGEBER_TOKEN", "not-this-one"));
    assert!(wrong.contains("not known") && wrong.contains("check the one"), "{wrong}");
    assert!(!wrong.contains("not-this-one"), "a token is never shown: {wrong}");
    let by_file = run(status().arg("--token-file").arg(&token)).stdout;
    assert_eq!(by_file, run(status().env("ZEITGEBER_TOKEN", text("token"))).stdout);
    let narrow = refused(remote("verify", &service).env("ZEITGEBER_TOKEN", text("token")));
    assert!(narrow.contains("lacks the scope `operate`"), "{narrow}");
    let absent = refused(status().arg("--token-file").arg(dir.path().join("none")));
    assert!(absent.contains("none cannot be used"), "{absent}");
    service.stop();
}

/// `openssl req -x509` with a new key, which stands beside the certificate.
fn certificate(dir: &Path, name: &str, subject: &str, rest: &[&str]) -> PathBuf {
    let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-nodes", "-days", "2", "-subj", subject]).args(rest).current_dir(dir);
    run(openssl.arg("-keyout").arg(key).arg("-out").arg(&cert));
    cert
}

#[test]
fn a_service_behind_tls_is_trusted_by_its_authority_and_nobody_else() {
    let dir = dir();
    let log = dir.path().join("log");
    let (_, odd, profiles) = inputs(dir.path());
    let authority = certificate(dir.path(), "authority", "/CN=authority", &[]);
    let stranger = certificate(dir.path(), "stranger", "/CN=stranger", &[]);
    let signed = [
        "-CA",
        "authority.pem",
        "-CAkey",
        "authority.key",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ];
    let cert = certificate(dir.path(), "service", "/CN=service", &signed);
    let sets = [
        "clock.mode=inputs".to_owned(),
        format!("service.tls_cert_file={}", cert.display()),
        format!("service.tls_key_file={}", cert.with_extension("key").display()),
    ];
    let service =
        Service::start_with(&log, &["--set", &sets[0], "--set", &sets[1], "--set", &sets[2]]);
    let url = format!("https://{}", service.address());
    let to = |name: &str| {
        let mut command = zeitgeber();
        command.arg(name).args(["--to", &url]);
        command
    };
    let trusting = |name: &str| {
        let mut command = to(name);
        command.arg("--ca").arg(&authority);
        command
    };
    let taken = json(trusting("ingest").arg(odd).arg("--profiles").arg(profiles).arg("--json"));
    assert!(taken["accepted"].as_u64() > Some(0), "{taken}");
    let status = run(trusting("status").args(["u09", "--tenant", "clinic b", "--json"])).stdout;

    let status_of = ["u09", "--tenant", "clinic b"];
    let unknown = refused(to("status").args(status_of));
    assert!(
        unknown.contains("no trusted connection") && unknown.contains("--ca FILE"),
        "{unknown}"
    );
    let other = refused(to("status").args(status_of).arg("--ca").arg(&stranger));
    assert!(other.contains("no trusted connection") && other.contains(&url), "{other}");
    let key = cert.with_extension("key");
    let none = refused(to("status").args(status_of).arg("--ca").arg(&key));
    assert!(none.contains("holds no certificate"), "{none}");
    let plain = url.replace("https", "http");
    let plain = refused(zeitgeber().arg("status").args(status_of).args(["--to", &plain]));
    assert!(plain.contains("https"), "{plain}");
    service.stop();
    let on_directory =
        run(command("status", &log).args(["u09", "--tenant", "clinic b", "--json"])).stdout;
    assert_eq!(status, on_directory);
}

/// A proxy that serves a service below `/rhythm`, a request for each connection.
fn proxy(service: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("some loopback port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // What breaks off is for the client to tell.
            thread::spawn(move || drop(pass(client, service)));
        }
    });
    address
}

fn pass(mut client: TcpStream, service: SocketAddr) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        head.push_str(&line);
    }
    if !head.contains(" /rhythm/") {
        return client.write_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
    }
    let mut behind = TcpStream::connect(service)?;
    let head = head.replacen(" /rhythm/", " /", 1);
    behind.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    io::copy(&mut reader.take(length), &mut behind)?;
    io::copy(&mut behind, &mut client)?;
    Ok(())
}

#[test]
fn a_service_below_a_prefix_of_a_proxy_answers_every_command() {
    let dir = dir();
    let (_, odd, profiles) = inputs(dir.path());
    let service = Service::start(&dir.path().join("log"));
    let outside = format!("http://{}", proxy(service.address()));
    let below = |name: &str| {
        let mut command = zeitgeber();
        command.arg(name).arg("--to").arg(format!("{outside}/rhythm/"));
        command
    };
    let first = json(below("ingest").arg(&odd).arg("--profiles").arg(&profiles).arg("--json"));
    assert!(first["accepted"].as_u64() > Some(0), "{first}");
    let again = |mut command: Command| {
        shared(json(command.arg(&odd).arg("--profiles").arg(&profiles).arg("--json")))
    };
    assert_eq!(again(below("ingest")), again(remote("ingest", &service)));
    for question in [
        &["status", "ann lee/1?x=#2"][..],
        &["events", "--limit", "1500"],
        &["events", "--user", "clinic b/u09"],
        &["report", "--json"],
        &["verify", "--json"],
        &["tail"],
        &["export", "--format", "ndjson"],
    ] {
        let below = run(below(question[0]).args(&question[1..])).stdout;
        assert_eq!(below, run(remote(question[0], &service).args(&question[1..])).stdout);
    }
    let wrong = refused(zeitgeber().args(["status", "u09", "--to", &outside]));
    assert!(wrong.contains("404"), "{wrong}");
    service.stop();
}
