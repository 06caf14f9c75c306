"""A real mosquitto that is stopped, killed and held, and a subscriber that gets all it is given."""

import os
import shutil
import signal
import socket
import subprocess
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# Where the answers to commands go.
ANSWERS = "operator/answers"


class Broker:
    """What mosquitto has acknowledged it must deliver, or the accounts cannot be exact. So it keeps sessions over a stop, bounds
    no queue, and is killed only once the subscriber has all that was acknowledged before: then it has nothing to lose."""

    def __init__(self, folder):
        self.port = free_port()
        self.folder = folder
        folder.mkdir(parents=True)
        self.process = None
        self.is_held = False
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nautosave_interval 0\nmax_queued_messages 0\nmax_queued_bytes 0\n"
            f"max_inflight_messages 0\nlog_dest file {folder}/mosquitto.log\nlog_type error\nlog_type warning\n"
            "log_type notice\nuser root\n")
        self.program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")

    def start(self):
        self.process = subprocess.Popen([self.program, "-c", str(self.folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise SystemExit(f"mosquitto did not start; its log is {self.folder}/mosquitto.log.")

    def remember(self):
        """Has it write its sessions down, so that the subscription outlives a kill."""
        self.process.send_signal(signal.SIGUSR1)

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, how):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def hold(self):
        """A half-open connection: nothing answers, nothing is closed."""
        self.process.send_signal(signal.SIGSTOP)
        self.is_held = True

    def release(self):
        self.process.send_signal(signal.SIGCONT)
        self.is_held = False


class Subscriber:
    """Receives everything at QoS 1 in one session that outlives the broker, and sends commands."""

    MARKER = "soak/marker"

    def __init__(self, port, take):
        """take: called with each message, on the thread that receives."""
        self.take = take
        self.marked = -1
        self.mark = 0
        self.is_subscribed = False
        self.client = paho.Client(client_id="soak", protocol=paho.MQTTv5)
        self.client.max_queued_messages_set(0)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self.connected
        self.client.on_disconnect = self.disconnected
        self.client.on_subscribe = self.subscribed
        self.client.on_message = self.received
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 0xFFFFFFFF
        self.client.connect("127.0.0.1", port, keepalive=60, clean_start=False, properties=session)
        self.client.loop_start()

    def connected(self, client, _userdata, _flags, _reason, _properties):
        options = paho.SubscribeOptions(qos=1, retainHandling=paho.SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe([("soak/#", options), (ANSWERS, options)])

    def disconnected(self, *_):
        self.is_subscribed = False

    def subscribed(self, *_):
        self.is_subscribed = True

    def received(self, _client, _userdata, message):
        if message.topic == self.MARKER:
            self.marked = int(message.payload)
        else:
            self.take(message)

    def is_level(self, within):
        """Whether it has all that the broker acknowledged before this call; waits so many seconds for it."""
        if not self.is_subscribed:
            return False
        self.mark += 1
        self.client.publish(self.MARKER, str(self.mark), qos=1)
        until = time.monotonic() + within
        while time.monotonic() < until:
            if self.marked == self.mark:
                return True
            time.sleep(0.01)
        return False

    def publish(self, topic, payload):
        self.client.publish(topic, payload, qos=1)

    def command(self, topic, payload, correlation):
        """One that wants an answer."""
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = ANSWERS, correlation
        self.client.publish(topic, payload, qos=1, properties=properties)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()
