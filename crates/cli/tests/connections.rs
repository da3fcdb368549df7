//! Connections that fail: `check --connect` and a run name the setting that helps, and the run ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::*;

const LONG: Duration = Duration::from_secs(180);

/// Java's own tool for keys and certificates, available where a broker runs.
fn keytool(folder: &Path, arguments: &str) {
    let mut command = Command::new("keytool");
    let common = ["-storepass", "secret-of-all", "-storetype", "PKCS12"];
    let output = command.args(arguments.split_whitespace()).args(common).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "keytool {arguments}: {output:?}");
}

/// An authority, and the certificates it has signed: a broker's and a client's.
fn certificates(folder: &Path) {
    for name in ["authority", "stranger"] {
        keytool(
            folder,
            &format!("-genkeypair -alias {name} -dname CN={name} -keyalg EC -ext bc:c -keystore {name}.p12"),
        );
        keytool(folder, &format!("-exportcert -rfc -alias {name} -keystore {name}.p12 -file {name}.pem"));
    }
    for name in ["broker", "client"] {
        let store = format!("-keystore {name}.p12");
        keytool(folder, &format!("-genkeypair -alias {name} -dname CN={name} -keyalg EC {store}"));
        keytool(folder, &format!("-certreq -alias {name} {store} -file {name}.csr"));
        keytool(
            folder,
            &format!(
                "-gencert -alias authority -keystore authority.p12 -infile {name}.csr -outfile {name}.pem -rfc -ext \
                 san=ip:127.0.0.1"
            ),
        );
        keytool(folder, &format!("-importcert -noprompt -alias authority -file authority.pem {store}"));
        keytool(folder, &format!("-importcert -noprompt -alias {name} -file {name}.pem {store}"));
    }
}

#[test]
fn the_setting_that_is_missing_is_named() {
    let folder = folder("connections");
    let own = broker_with_certificates(&folder);
    let addresses = std::fs::read_to_string(own.dir.join("address")).unwrap();
    let addresses: Vec<&str> = addresses.lines().collect();
    let [plain, sasl, tls] = addresses.as_slice() else { panic!("{addresses:?}") };
    let ssl = ", security.protocol: SSL";
    let authority = format!("{ssl}, ssl.ca.location: authority.pem");
    let client = format!("{authority}, ssl.keystore.location: client.p12, ssl.keystore.password: secret-of-all");
    let password = ", sasl.mechanism: PLAIN, sasl.username: alice, sasl.password: alice-secret";
    for (address, settings, words) in [
        (sasl, "", "set `security.protocol` under `kafka:` to sasl_plaintext"),
        (tls, "", "set `security.protocol` under `kafka:` to ssl"),
        (
            tls,
            &format!(", security.protocol: SASL_PLAINTEXT{password}"),
            "set `security.protocol` under `kafka:` to ssl",
        ),
        (tls, ssl, "set `ssl.ca.location` under `kafka:`"),
        (tls, &format!("{ssl}, ssl.ca.location: stranger.pem"), "set `ssl.ca.location` under `kafka:`"),
        (
            tls,
            &format!("{ssl}, ssl.ca.location: nowhere.pem"),
            "`ssl.ca.location` under `kafka:` is nowhere.pem, and there is no such file",
        ),
        (tls, &authority, "set `ssl.certificate.location`"),
        (
            tls,
            &format!("{authority}, ssl.certificate.location: nobody.pem"),
            "`ssl.certificate.location` under `kafka:` is nobody.pem",
        ),
        (plain, &authority, "does not speak tls: set `security.protocol`"),
        (
            plain,
            &format!(", security.protocol: SASL_SSL, ssl.ca.location: authority.pem{password}"),
            "does not speak tls",
        ),
    ] {
        write(&folder, "t.yaml", document(address, settings));
        said_by_both(&folder, settings, words);
    }
    write(&folder, "t.yaml", document(tls, &client));
    let said = run(&folder, &["check", "t.yaml", "--connect"]);
    assert_eq!((said.code, said.out.as_str()), (0, "t.yaml: fine\n"), "{said:?}");
}

/// What a check of the connection says, a run says.
fn said_by_both(folder: &Path, settings: &str, words: &str) {
    let command = gristmill(folder, &["run", "t.yaml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    for said in [run(folder, &["check", "t.yaml", "--connect"]), finish(command.unwrap(), LONG)] {
        assert!(said.code == 1 && said.err.to_lowercase().contains(words), "{settings}: {words}\n{}", said.err);
    }
}

fn document(address: &str, settings: &str) -> String {
    format!(
        "name: connections\nkafka: {{bootstrap.servers: \"{address}\"{settings}}}\ninput: {{kafka: {{topics: [in]}}, \
         format: json, columns: {{x: float64, y: boolean}}}}\nfeatures: [x]\nlabel: {{column: y}}\nmodel: \
         [logistic_regression]\n"
    )
}

/// A broker that asks its clients for a certificate.
fn broker_with_certificates(folder: &Path) -> Own {
    certificates(folder);
    let store = folder.join("broker.p12");
    let store = [("location", store.to_str().unwrap()), ("password", "secret-of-all"), ("type", "PKCS12")];
    let mut settings = vec!["ssl.client.auth=required".to_string()];
    for kind in ["keystore", "truststore"] {
        settings.extend(store.map(|(name, value)| format!("ssl.{kind}.{name}={value}")));
    }
    let own = Own::start(folder, &settings.iter().map(String::as_str).collect::<Vec<_>>());
    use_broker(&own.address);
    create("in", 1, &[]);
    own
}
