#!/usr/bin/env bash
# A consumer in a group of KIP-848 is never told that its only topic was deleted.
#
# Versions: Apache Kafka 4.1.0 (Maven Central), confluent-kafka 2.16.1 with librdkafka 2.16 (2.12.2 is the same), Python 3, Java 17 or newer.
#
# Behaviour: a consumer has read a topic to its end, and the topic is deleted. With `group.protocol=classic` the next
# polls give the error UNKNOWN_TOPIC_OR_PART. With `group.protocol=consumer` the partitions are revoked as in any
# rebalance, and then poll gives nothing for as long as one waits: no error, no event. A program that waits for records
# waits for ever, and looks as a member does that has no partitions because others have them.
#
# Output seen:
#   classic: read 10, revoked 1, errors UNKNOWN_TOPIC_OR_PART
#   consumer: read 10, revoked 1, errors none
#
# librdkafka's log alone has a line, at the level of notices: "Topic … partition count changed from 1 to 0".
#
# It exits with 0 while that is so, and with 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill "$broker" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet confluent-kafka==2.16.1
cat > pom.xml <<'POM'
<project><modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>broker</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.1.0</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
POM
mvn -B -q -f pom.xml dependency:copy-dependencies -DoutputDirectory=lib
read -r port controller < <(python3 -c '
import socket
held = [socket.socket() for _ in range(2)]
[one.bind(("127.0.0.1", 0)) for one in held]
print(*[one.getsockname()[1] for one in held])')
cat > server.properties <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/data
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
PROPERTIES
java -cp 'lib/*' kafka.tools.StorageTool format -t findingAAAAAAAAAAAAAAA -c server.properties > format.log 2>&1
java -Xmx512m -cp 'lib/*' kafka.Kafka server.properties > broker.log 2>&1 &
broker=$!
for _ in $(seq 300); do grep -q 'Kafka Server started' broker.log && break; sleep 0.5; done
cat > finding.py <<'PYTHON'
import sys, time
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

servers = {"bootstrap.servers": sys.argv[1]}
admin = AdminClient(servers)


def tried(protocol):
    topic = f"topic-{protocol}"
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    producer = Producer(servers)
    for number in range(10):
        producer.produce(topic, str(number))
    producer.flush()
    consumer = Consumer(servers | {
        "group.id": protocol, "group.protocol": protocol, "auto.offset.reset": "earliest",
        "topic.metadata.refresh.interval.ms": 1000,
    })
    revoked = []
    consumer.subscribe([topic], on_revoke=lambda _, partitions: revoked.extend(partitions))
    read, errors, deleted = 0, set(), None
    while deleted is None or time.time() - deleted < 60:
        message = consumer.poll(0.5)
        if message is not None and message.error():
            errors.add(message.error().name())
        elif message is not None:
            read += 1
        if read == 10 and deleted is None:
            admin.delete_topics([topic])[topic].result()
            deleted = time.time()
        if errors:
            break
    consumer.close()
    print(f"{protocol}: read {read}, revoked {len(revoked)}, errors {', '.join(sorted(errors)) or 'none'}")
    return read, errors


classic, consumer = tried("classic"), tried("consumer")
as_described = classic == (10, {"UNKNOWN_TOPIC_OR_PART"}) and consumer == (10, set())
sys.exit(0 if as_described else 1)
PYTHON
venv/bin/python finding.py "127.0.0.1:$port"
