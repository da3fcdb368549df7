//! A real Apache Kafka for tests: one node (KRaft) on free loopback ports, from Maven Central.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Done, folder, read, root, succeed, write};

const VERSION: &str = "4.1.0";
const START: Duration = Duration::from_secs(60);
/// The user that the SASL listener knows.
const USER: &str = "alice";
const PASSWORD: &str = "alice-secret";

/// The broker's default directory.
pub(crate) fn default_directory() -> PathBuf {
    root().join("target").join("broker")
}

/// Starts a broker, or finds the running one; returns whether it was started. `settings` are added to its properties.
pub(crate) fn start(dir: &Path, settings: &[&str]) -> Result<bool, String> {
    if alive(dir) {
        println!("broker: already running at {}", read(&dir.join("address"))?.trim());
        return Ok(false);
    }
    folder(dir)?;
    let dir = &dir.canonicalize().map_err(|error| error.to_string())?;
    fetch()?;
    let data = dir.join("data");
    if data.exists() {
        fs::remove_dir_all(&data).map_err(|error| format!("cannot clear {}: {error}", data.display()))?;
    }
    let [plain, sasl, controller, tls] = ports()?;
    let mut written = properties(dir, plain, sasl, controller) + &settings.join("\n");
    let mut addresses = format!("127.0.0.1:{plain}\n127.0.0.1:{sasl}\n");
    if settings.iter().any(|setting| setting.starts_with("ssl.keystore.location=")) {
        written += &tls_listener(&written, tls);
        addresses += &format!("127.0.0.1:{tls}\n");
    }
    write(&dir.join("server.properties"), &written)?;
    format_storage(dir)?;
    launch(dir)?;
    write(&dir.join("address"), &addresses)?;
    println!("broker: Apache Kafka {VERSION} at 127.0.0.1:{plain} (SASL at 127.0.0.1:{sasl}, user {USER})");
    Ok(true)
}

/// Restarts a stopped broker, with its data and its addresses.
pub(crate) fn restart(dir: &Path) -> Done {
    let dir = &dir.canonicalize().map_err(|error| format!("no broker in {}: {error}", dir.display()))?;
    end(dir)?;
    launch(dir)?;
    println!("broker: started again");
    Ok(())
}

fn launch(dir: &Path) -> Done {
    let log = fs::File::create(dir.join("broker.log")).map_err(|error| error.to_string())?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let mut java = java(dir, "kafka.Kafka");
    // Its own process group: Ctrl-C at the tests must not end the broker before they have cleaned up.
    java.arg("server.properties").stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
    let child = java.spawn().map_err(|error| format!("java cannot be started: {error}"))?;
    write(&dir.join("pid"), child.id().to_string())?;
    wait(dir)
}

/// Stops the broker by its process id.
pub(crate) fn stop(dir: &Path) -> Done {
    if !alive(dir) {
        println!("broker: not running");
        return Ok(());
    }
    end(dir)?;
    for file in ["pid", "address"] {
        fs::remove_file(dir.join(file)).map_err(|error| error.to_string())?;
    }
    println!("broker: stopped");
    Ok(())
}

/// Grants or removes users' rights: Kafka's own command, against a broker that was started with an authorizer.
pub(crate) fn acls(dir: &Path, arguments: &[&str]) -> Done {
    let address = read(&dir.join("address"))?;
    let address = address.lines().next().unwrap_or_default();
    let mut command = java(dir, "org.apache.kafka.tools.AclCommand");
    succeed(command.args(["--bootstrap-server", address]).args(arguments))
}

/// Ends the process, if it is running.
fn end(dir: &Path) -> Done {
    if !alive(dir) {
        return Ok(());
    }
    let pid = read(&dir.join("pid"))?;
    kill("-TERM", pid.trim());
    let began = Instant::now();
    while alive(dir) && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(100));
    }
    if alive(dir) {
        kill("-KILL", pid.trim());
    }
    Ok(())
}

/// Kills without warning, or pauses and resumes: what tests do to brokers and members.
fn kill(signal: &str, pid: &str) {
    // A process that has already ended is what was wanted.
    let _ = Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status();
}

fn alive(dir: &Path) -> bool {
    let Ok(pid) = fs::read_to_string(dir.join("pid")) else { return false };
    let running = Command::new("kill").args(["-0", pid.trim()]).stderr(Stdio::null()).status();
    // A broker whose parent still lives remains as a zombie: it no longer runs.
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    running.is_ok_and(|status| status.success()) && !state.contains(") Z ")
}

fn there(program: &str, argument: &str, install: &str) -> Done {
    let output = Command::new(program).arg(argument).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(format!(
            "`{program}` is needed to run a real broker, and is not there; install it ({install}) and try again"
        )),
    }
}

/// The folder of the jars, for all brokers of this checkout.
fn jars() -> PathBuf {
    root().join("target").join("kafka").join(VERSION)
}

fn fetch() -> Done {
    there("java", "-version", "Debian: apt-get install default-jdk-headless; JDK 17 or newer")?;
    let dir = &jars();
    let marker = dir.join("complete");
    if marker.exists() {
        return Ok(());
    }
    there("mvn", "-version", "Debian: apt-get install maven")?;
    println!("broker: fetching Apache Kafka {VERSION} from Maven Central (54 MB)");
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>gristmill</groupId><artifactId>broker</artifactId>\
         <version>1</version><dependencies>{}{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.apache.kafka", "kafka-tools", VERSION),
        // Without a binding the broker logs nothing, not even that it is up.
        dependency("org.slf4j", "slf4j-simple", "1.7.36"),
    );
    folder(dir)?;
    write(&dir.join("pom.xml"), &pom)?;
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q", "-f", "pom.xml", "dependency:copy-dependencies", "-DoutputDirectory=lib"]).current_dir(dir);
    succeed(&mut maven)?;
    write(&marker, "")
}

/// The properties with a TLS listener added: of two lines with one name the last counts.
fn tls_listener(properties: &str, port: u16) -> String {
    let line = |name: &str, more: &str| {
        let begin = format!("{name}=");
        let before = properties.lines().find(|line| line.starts_with(&begin)).unwrap_or(&begin);
        format!("\n{before},{more}")
    };
    line("listeners", &format!("TLS://127.0.0.1:{port}"))
        + &line("advertised.listeners", &format!("TLS://127.0.0.1:{port}"))
        + &line("listener.security.protocol.map", "TLS:SSL")
        + "\n"
}

fn ports() -> Result<[u16; 4], String> {
    // All are held at once, so that they differ.
    let bind = || TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no free port: {error}"));
    let held = [bind()?, bind()?, bind()?, bind()?];
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port()).map_err(|e| e.to_string());
    let [a, b, c, d] = &held;
    Ok([port(a)?, port(b)?, port(c)?, port(d)?])
}

fn java(dir: &Path, class: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xmx768m", "-Xms256m", "-cp"]).arg(jars().join("lib").join("*")).arg(class).current_dir(dir);
    java
}

fn format_storage(dir: &Path) -> Done {
    let log = fs::File::create(dir.join("format.log")).map_err(|error| error.to_string())?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let user = format!("SCRAM-SHA-256=[name={USER},password={PASSWORD}]");
    let mut format = java(dir, "kafka.tools.StorageTool");
    format.args(["format", "-t", "gristmillAAAAAAAAAAAAA", "-c", "server.properties", "--add-scram", &user]);
    succeed(format.stdout(log).stderr(errors)).map_err(|error| format!("{error}; see format.log"))
}

fn wait(dir: &Path) -> Done {
    let began = Instant::now();
    while began.elapsed() < START {
        if fs::read_to_string(dir.join("broker.log")).unwrap_or_default().contains("Kafka Server started") {
            return Ok(());
        }
        if !alive(dir) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("the broker did not start; see {}", dir.join("broker.log").display()))
}

fn properties(dir: &Path, plain: u16, sasl: u16, controller: u16) -> String {
    let mechanism = "listener.name.sasl_plaintext";
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
{mechanism}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{USER}=\"{PASSWORD}\";
{mechanism}.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={data}
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=3000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.retention.ms=-1
",
        data = dir.join("data").display()
    )
}
