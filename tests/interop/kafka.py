"""A Kafka cluster for tests: the mock cluster of librdkafka, behind fronts that add what it lacks, TLS and SASL PLAIN.

librdkafka's mock brokers speak the protocol, keep records and know leaders; they are reached by the C functions that librdkafka
exports for tests. What they hold is read by librdkafka's own consumer, through the same fronts: who checks the fronts is not us.

Arguments: certificate and key of the fronts, CA certificate, API key, topic, partitions. Prints the brokers' addresses, then answers
each line on standard input with one line.
"""
import asyncio
import base64
import ctypes
import glob
import json
import os
import ssl
import struct
import sys

import confluent_kafka
from confluent_kafka import Consumer, TopicPartition, OFFSET_BEGINNING

BROKERS = 3
PRODUCE, API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 0, 18, 17, 36
SASL_AUTHENTICATION_FAILED = 58


class Mock:
    def __init__(self):
        here = os.path.dirname(confluent_kafka.__file__)
        path = glob.glob(os.path.join(os.path.dirname(here), "confluent_kafka.libs", "librdkafka*"))[0]
        self.lib = lib = ctypes.CDLL(path)
        lib.rd_kafka_new.restype = ctypes.c_void_p
        lib.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        lib.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
        lib.rd_kafka_mock_cluster_new.argtypes = [ctypes.c_void_p, ctypes.c_int]
        lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        lib.rd_kafka_mock_cluster_bootstraps.argtypes = [ctypes.c_void_p]
        lib.rd_kafka_mock_topic_create.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
        lib.rd_kafka_mock_broker_set_host_port.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int]
        lib.rd_kafka_mock_partition_set_leader.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32]
        lib.rd_kafka_mock_push_request_errors_array.argtypes = [
            ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)]
        lib.rd_kafka_mock_clear_request_errors.argtypes = [ctypes.c_void_p, ctypes.c_int16]
        lib.rd_kafka_msg_partitioner_murmur2.restype = ctypes.c_int32
        lib.rd_kafka_msg_partitioner_murmur2.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p]
        error = ctypes.create_string_buffer(512)
        client = lib.rd_kafka_new(0, None, error, len(error))
        self.cluster = lib.rd_kafka_mock_cluster_new(client, BROKERS)
        bootstraps = lib.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()
        self.ports = [int(address.rsplit(":", 1)[1]) for address in bootstraps.split(",")]

    def create(self, topic, partitions):
        assert self.lib.rd_kafka_mock_topic_create(self.cluster, topic.encode(), partitions, 1) == 0

    def advertise(self, broker, port):
        self.lib.rd_kafka_mock_broker_set_host_port(self.cluster, broker, b"127.0.0.1", port)

    def lead(self, topic, partition, broker):
        assert self.lib.rd_kafka_mock_partition_set_leader(self.cluster, topic.encode(), partition, broker) == 0

    def refuse(self, code, times):
        self.lib.rd_kafka_mock_push_request_errors_array(self.cluster, PRODUCE, times, (ctypes.c_int * times)(*[code] * times))

    def partition(self, key, partitions):
        """Where librdkafka's producer puts a key when it is to do as the Java client does."""
        return self.lib.rd_kafka_msg_partitioner_murmur2(None, key.encode(), len(key), partitions, None, None)

    def take(self):
        self.lib.rd_kafka_mock_clear_request_errors(self.cluster, PRODUCE)


class Front:
    """One broker's TLS and SASL."""

    def __init__(self, context, upstream, port, api_key):
        self.context, self.upstream, self.port = context, upstream, port
        self.expected = b"\0token\0" + api_key.encode()
        self.server, self.open, self.silent = None, set(), False

    async def start(self):
        self.silent = False
        if self.server is None:
            self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, ssl=self.context)

    async def stop(self):
        if self.server is not None:
            self.server.close()
            self.server = None
        self.end_all()

    def end_all(self):
        for writer in list(self.open):
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.open.add(writer)
        back = None
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
            self.open.add(up_writer)
            versions = {}
            back = asyncio.create_task(self.answers(up_reader, writer, versions))
            await self.requests(reader, writer, up_writer, versions)
        except (OSError, EOFError, ssl.SSLError):
            pass
        finally:
            if back is not None:
                back.cancel()
                self.open.discard(up_writer)
                up_writer.close()
            self.open.discard(writer)
            writer.close()

    async def requests(self, reader, writer, up_writer, versions):
        authenticated = False
        while True:
            frame = await read_frame(reader)
            if self.silent:
                continue
            key, version, correlation = struct.unpack(">hhi", frame[:8])
            (client,) = struct.unpack(">h", frame[8:10])
            body = frame[10 + max(client, 0):]
            if key == SASL_HANDSHAKE:
                await answer(writer, correlation, struct.pack(">hih", 0, 1, 5) + b"PLAIN")
            elif key == SASL_AUTHENTICATE:
                authenticated = body[4:] == self.expected
                error = 0 if authenticated else SASL_AUTHENTICATION_FAILED
                lifetime = struct.pack(">q", 0) if version >= 1 else b""
                await answer(writer, correlation, struct.pack(">hhi", error, -1, 0) + lifetime)
            elif key == API_VERSIONS or authenticated:
                if key == API_VERSIONS:
                    versions[correlation] = version
                up_writer.write(struct.pack(">i", len(frame)) + frame)
                await up_writer.drain()
            else:
                return

    async def answers(self, up_reader, writer, versions):
        try:
            while True:
                frame = await read_frame(up_reader)
                (correlation,) = struct.unpack(">i", frame[:4])
                body = frame[4:]
                if correlation in versions:
                    body = with_sasl(body, versions.pop(correlation))
                if not self.silent:
                    await answer(writer, correlation, body)
        except (OSError, EOFError, ssl.SSLError):
            writer.close()


def with_sasl(body, version):
    """An answer to ApiVersions with the two requests that the fronts answer."""
    ours = [struct.pack(">hhh", key, 0, 1) for key in (SASL_HANDSHAKE, SASL_AUTHENTICATE)]
    if version >= 3:
        assert body[2] < 120
        return body[:2] + bytes([body[2] + 2]) + b"".join(entry + b"\0" for entry in ours) + body[3:]
    (count,) = struct.unpack(">i", body[2:6])
    return body[:2] + struct.pack(">i", count + 2) + b"".join(ours) + body[6:]


async def read_frame(reader):
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


async def answer(writer, correlation, body):
    writer.write(struct.pack(">ii", 4 + len(body), correlation) + body)
    await writer.drain()


def received(access, topic, partitions):
    """All records of the topic, partition by partition, each in its order."""
    consumer = Consumer({**access, "group.id": "check", "enable.partition.eof": True, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    records, ended = [], set()
    while len(ended) < partitions:
        message = consumer.poll(60)
        assert message is not None, "the brokers are silent"
        if message.error():
            if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            continue
        records.append({
            "partition": message.partition(),
            "offset": message.offset(),
            "time": message.timestamp()[1],
            "key": message.key().decode(),
            "headers": {name: value.decode() for name, value in message.headers()},
            "value": base64.b64encode(message.value()).decode(),
        })
    consumer.close()
    return sorted(records, key=lambda record: (record["partition"], record["offset"]))


async def main(certificate, key, ca, api_key, topic, partitions, *ports):
    partitions = int(partitions)
    mock = Mock()
    mock.create(topic, partitions)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    fronts = [Front(context, upstream, int(port), api_key) for upstream, port in zip(mock.ports, ports, strict=True)]
    for broker, front in enumerate(fronts, 1):
        await front.start()
        mock.advertise(broker, front.port)
    addresses = [f"127.0.0.1:{front.port}" for front in fronts]
    access = {"bootstrap.servers": ",".join(addresses), "security.protocol": "SASL_SSL", "ssl.ca.location": ca,
              "sasl.mechanism": "PLAIN", "sasl.username": "token", "sasl.password": api_key}
    print(json.dumps(addresses), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, *words = line.split()
        reply = None
        if command == "stop":
            for front in fronts:
                await front.stop()
        elif command == "start":
            mock.take()
            for front in fronts:
                await front.start()
        elif command == "silence":
            for front in fronts:
                front.silent = True
        elif command == "refuse":
            mock.refuse(int(words[0]), int(words[1]))
        elif command == "lead":
            mock.lead(topic, int(words[0]), int(words[1]))
        elif command == "partitions":
            reply = {key: mock.partition(key, partitions) for key in words}
        elif command == "received":
            reply = await loop.run_in_executor(None, received, access, topic, partitions)
        print(json.dumps(reply), flush=True)
    os._exit(0)


asyncio.run(main(*sys.argv[1:]))
