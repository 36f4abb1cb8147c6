"""How kafka-python, which the commands use, is told to reach the brokers."""

import logging

from menshen.shell.settings import KafkaSettings


def kafka_python_options(settings: KafkaSettings, bootstrap_servers: str | None = None) -> dict[str, object]:
    """Return the arguments with which any kafka-python client reaches the brokers, or those named instead."""
    protocol = settings.kafka_security_protocol
    options: dict[str, object] = {
        "bootstrap_servers": bootstrap_servers or settings.kafka_bootstrap_servers,
        "security_protocol": protocol,
    }
    if settings.kafka_api_version:
        options["api_version"] = tuple(int(part) for part in settings.kafka_api_version.split("."))
    if protocol.endswith("SSL") and settings.kafka_ca_file:
        options["ssl_cafile"] = str(settings.kafka_ca_file)
    if protocol.startswith("SASL") and settings.kafka_password:
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return options


def hush_kafka_python() -> None:
    """Keep kafka-python's own account of a failure off the terminal: the command says once what is wrong."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
