"""What the settings say reaches kafka-python under its own names."""

from pathlib import Path

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from menshen.shell.kafka.kafka_python import kafka_python_options
from menshen.shell.settings import KafkaSettings, read_settings

PASSWORD = "a secret of the test"
SECURED = {
    "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": "one:9093,two:9093",
    "MENSHEN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "MENSHEN_KAFKA_USERNAME": "gate",
    "MENSHEN_KAFKA_PASSWORD": PASSWORD,
    "MENSHEN_KAFKA_CA_FILE": "/etc/kafka/ca.pem",
    "MENSHEN_KAFKA_API_VERSION": "2.1",
}


def options(environ: dict[str, str], bootstrap_servers: str | None = None) -> dict[str, object]:
    return kafka_python_options(read_settings(KafkaSettings, environ), bootstrap_servers)


def test_a_secured_cluster_is_reached_with_name_password_and_certificates() -> None:
    assert options(SECURED) == {
        "bootstrap_servers": "one:9093,two:9093",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "gate",
        "sasl_plain_password": PASSWORD,
        "ssl_cafile": str(Path("/etc/kafka/ca.pem")),
        "api_version": (2, 1),
    }


def test_every_option_is_one_that_kafka_python_knows() -> None:
    for client in (KafkaProducer, KafkaAdminClient):
        assert options(SECURED).keys() <= client.DEFAULT_CONFIG.keys()


def test_a_password_is_not_sent_where_the_protocol_has_no_place_for_it() -> None:
    plain = options({"MENSHEN_KAFKA_USERNAME": "gate", "MENSHEN_KAFKA_PASSWORD": PASSWORD})
    assert plain == {"bootstrap_servers": "127.0.0.1:9092", "security_protocol": "PLAINTEXT"}


def test_an_address_that_is_named_wins_over_the_setting() -> None:
    assert options(SECURED, "three:9093")["bootstrap_servers"] == "three:9093"
