//! Why a connection fails, and which setting helps: translates librdkafka's reasons.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use gristmill::connect::KafkaPlan;

use crate::broker::{BrokerError, Kind};

/// What a part of librdkafka's reason means: whether a retry may help, and what to do.
type Meaning = (&'static [&'static str], Kind, &'static str);

/// A broker lists its request types to any client, and disconnects at the next request if it requires authentication.
const HUNG_UP_WHEN_ASKED: &str = "in state UP";
/// It disconnects before that if it expects a TLS handshake.
const HUNG_UP_AT_ONCE: &str = "in state APIVERSION";
/// How long a listener has to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Why a broker disconnected as it did.
pub(super) fn hung_up(doing: &str, kafka: &KafkaPlan, how: &str) -> Option<BrokerError> {
    let brokers = kafka.brokers();
    let answers = |listener: Listener| brokers.split(',').any(|address| answer_to_tls(address) == listener);
    let protocol = kafka.properties.iter().rev().find(|(name, _)| name == "security.protocol");
    let (kind, advice) = if protocol.is_some_and(|(_, protocol)| protocol.to_ascii_lowercase().contains("ssl")) {
        // The point at which a listener without TLS disconnects decides librdkafka's words for it, so the listener is
        // probed.
        meaning(how).or_else(|| answers(Listener::Other).then_some((Kind::Handshake, NOT_TLS)))?
    } else if how.contains(HUNG_UP_AT_ONCE) && answers(Listener::Tls) {
        (Kind::Refused, TLS)
    } else {
        meaning(how).filter(|(kind, _)| *kind == Kind::Handshake)?
    };
    Some(BrokerError::new(kind, format!("{doing}: no connection to {brokers}: {advice}")))
}

/// A listener's reaction to the beginning of a TLS handshake.
#[derive(PartialEq, Eq)]
enum Listener {
    /// It answers in TLS, if only with an alert.
    Tls,
    /// It exists, and disconnects or answers something else.
    Other,
    /// It does not exist, or does not answer in time.
    Silent,
}

fn answer_to_tls(address: &str) -> Listener {
    // A TLS 1.2 client hello with one cipher and nothing else.
    let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    hello.extend([0x5a; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let address = address.trim().rsplit("//").next().unwrap_or_default();
    let connected = address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    let Some(Ok(mut stream)) = connected.map(|address| TcpStream::connect_timeout(&address, ANSWER)) else {
        return Listener::Silent;
    };
    let mut first = [0];
    let asked = stream.set_read_timeout(Some(ANSWER)).and_then(|()| stream.write_all(&hello));
    match asked.and_then(|()| stream.read_exact(&mut first)) {
        // A handshake, or an alert.
        Ok(()) if matches!(first, [0x15 | 0x16]) => Listener::Tls,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Listener::Silent,
        _ => Listener::Other,
    }
}

const TLS: &str = "the listener there speaks TLS: set `security.protocol` under `kafka:` to SSL, or to SASL_SSL where it also \
                   asks for a password, and `ssl.ca.location` to the certificate of the authority that has signed its own";
const NOT_TLS: &str = "the broker's listener does not speak TLS: set `security.protocol` under `kafka:` to PLAINTEXT or \
                       SASL_PLAINTEXT, or write the port of its listener for TLS into `bootstrap.servers`";

const MEANINGS: [Meaning; 5] = [
    (
        &["broker might require SASL", HUNG_UP_WHEN_ASKED],
        Kind::Handshake,
        "the broker closed the connection as soon as it was asked something: it wants to know first who asks. Set \
         `security.protocol` under `kafka:` to SASL_PLAINTEXT (or SASL_SSL), and sasl.mechanism, sasl.username and \
         sasl.password",
    ),
    (
        &[
            "certificate required",
            "alert number 116",
            "handshake failure",
            "bad certificate",
            "unknown ca",
            "certificate unknown",
            "certificate expired",
            "unsupported certificate",
        ],
        Kind::Refused,
        "the broker asks for a certificate of this client, and got none, or does not take the one that it got: set \
         `ssl.certificate.location` and `ssl.key.location` (or `ssl.keystore.location`) under `kafka:` to one that is \
         valid and signed by an authority that the broker knows",
    ),
    (
        &["certificate verify failed", "certificate could not be verified", "self-signed", "local issuer"],
        Kind::Refused,
        "the broker's certificate is signed by an authority that is not known here: set `ssl.ca.location` under `kafka:` \
         to that authority's certificate, a PEM file",
    ),
    (
        &["hostname mismatch", "IP address mismatch", "address mismatch"],
        Kind::Refused,
        "the broker's certificate is for another name: write a name that it has into `bootstrap.servers`, and see that the \
         broker's `advertised.listeners` has one, too",
    ),
    (&["PLAINTEXT broker listener", "wrong version number", "packet length too long"], Kind::Refused, NOT_TLS),
];

/// The meaning of a reason, if it is one of these.
pub(super) fn meaning(reason: &str) -> Option<(Kind, &'static str)> {
    let reason = reason.to_ascii_lowercase();
    let known = |parts: &[&str]| parts.iter().any(|part| reason.contains(&part.to_ascii_lowercase()));
    MEANINGS.iter().find(|(parts, _, _)| known(parts)).map(|(_, kind, advice)| (*kind, *advice))
}

/// Properties that name files.
const FILES: [&str; 9] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.crl.location",
    "ssl.keystore.location",
    "ssl.engine.location",
    "https.ca.location",
    "sasl.kerberos.keytab",
    "sasl.oauthbearer.assertion.private.key.file",
];

/// A file that a property names and that cannot be read.
pub(super) fn unreadable(kafka: &KafkaPlan) -> Option<String> {
    kafka.properties.iter().filter(|(name, _)| FILES.contains(&name.as_str())).find_map(|(name, path)| {
        // With this word librdkafka searches for the system's own.
        let error = std::fs::File::open(path).err().filter(|_| path != "probe")?;
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_string(),
            ErrorKind::PermissionDenied => "this user may not read it".to_string(),
            _ => error.to_string(),
        };
        Some(format!("`{name}` under `kafka:` is {path}, and {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// librdkafka's words for a listener without TLS depend on the moment of the disconnect.
    #[test]
    fn a_listener_that_does_not_speak_tls_is_asked() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || listener.incoming().for_each(drop));
        let plan = |protocol: &str| {
            let pairs = [("bootstrap.servers", address.to_string()), ("security.protocol", protocol.to_string())];
            let properties = pairs.map(|(name, value)| (name.to_string(), value)).to_vec();
            KafkaPlan { properties, group: "g".into(), consumer_protocol: None }
        };
        for how in ["Disconnected: SSL connection closed by peer", "Disconnected"] {
            let failure = hung_up("connecting", &plan("SASL_SSL"), how).unwrap();
            assert!(failure.to_string().contains("does not speak TLS"), "{failure}");
        }
        assert!(hung_up("connecting", &plan("plaintext"), "Disconnected").is_none());
    }

    #[test]
    fn what_librdkafka_says_of_connections_has_a_meaning() {
        for (reason, kind, words) in [
            (
                "Disconnected: verify that security.protocol is correctly configured, broker might require SASL \
                 authentication",
                Kind::Handshake,
                "SASL_PLAINTEXT",
            ),
            (
                "SSL handshake failed: ssl/record/rec_layer_s3.c:1605:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 \
                 alert certificate required:SSL alert number 116",
                Kind::Refused,
                "ssl.certificate.location",
            ),
            (
                "SSL handshake failed: error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify \
                 failed: broker certificate could not be verified",
                Kind::Refused,
                "ssl.ca.location",
            ),
            (
                "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
                Kind::Refused,
                "does not speak TLS",
            ),
        ] {
            let (found, advice) = meaning(reason).unwrap_or_else(|| panic!("{reason}"));
            assert!(found == kind && advice.contains(words), "{reason}: {advice}");
        }
        assert!(meaning("Connect to ipv4#127.0.0.1:1 failed: Connection refused").is_none());
    }
}
